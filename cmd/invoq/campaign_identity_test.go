package main

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"invoq/internal/campaign"
)

// identity is a second event beside a first, and what becomes of it.
type identity struct {
	name string
	body func(id, at string) string
	kind string // content type; application/json by default
	// status is the answer while the first event is known, book what the book
	// makes of it.
	status int
	book   string
}

const cloudEvents = "application/cloudevents+json"

func usageOf(tenant, user, quantity, id, at string) string {
	return fmt.Sprintf(`{"tenant_id":%q,"userId":%q,"resourceType":"API_REQUEST","service":"api",`+
		`"quantity":%s,"requestId":%q,"timestamp":%q}`, tenant, user, quantity, id, at)
}

func cloudEventOf(source, quantity, id, at string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":%q,"type":"usage","time":%q,`+
		`"data":{"tenant_id":"acme","userId":"ann","resourceType":"API_REQUEST","service":"api","quantity":%s}}`,
		id, source, at, quantity)
}

// Before each of these, acme has told 1 request under the id, plainly and as a
// CloudEvent of the source "/a".
var identities = []identity{
	{
		"the same again", func(id, at string) string { return usageOf("acme", "ann", "1", id, at) },
		"", http.StatusOK, "duplicate",
	}, {
		"the same number written otherwise", func(id, at string) string { return usageOf("acme", "ann", "1.00", id, at) },
		"", http.StatusOK, "duplicate",
	}, {
		"other quantity", func(id, at string) string { return usageOf("acme", "ann", "1.000001", id, at) },
		"", http.StatusConflict, "conflict",
	}, {
		"other user", func(id, at string) string { return usageOf("acme", "bob", "1", id, at) },
		"", http.StatusConflict, "conflict",
	}, {
		"other time", func(id, at string) string { return usageOf("acme", "ann", "1", id, at[:19]+".001Z") },
		"", http.StatusConflict, "conflict",
	}, {
		"of a function", func(id, at string) string {
			return fmt.Sprintf(`{"tenant_id":"acme","service_name":"f","request_id":%q,"timestamp":%q}`, id, at)
		}, "", http.StatusConflict, "conflict",
	}, {
		"other tenant", func(id, at string) string { return usageOf("globex", "ann", "1", id, at) },
		"", http.StatusAccepted, "stored",
	}, {
		"the same CloudEvent", func(id, at string) string { return cloudEventOf("/a", "1", id, at) },
		cloudEvents, http.StatusOK, "duplicate",
	}, {
		"a CloudEvent with other data", func(id, at string) string { return cloudEventOf("/a", "2", id, at) },
		cloudEvents, http.StatusConflict, "conflict",
	}, {
		"a CloudEvent of another source", func(id, at string) string { return cloudEventOf("/b", "2", id, at) },
		cloudEvents, http.StatusAccepted, "stored",
	},
}

// The same id with other content is a conflict, of another tenant or source an
// event of its own: whether the first is known from a moment ago, from the book
// alone, or while the database is away and only the book can tell later.
func TestCampaignIdentity(t *testing.T) {
	campaign.Begin(t)
	pg := newOutside(t)
	m := &identityMatrix{
		t: t, s: start(t, "--database-url", pg.URL()),
		at: time.Now().UTC().Add(-time.Hour).Format(time.RFC3339),
	}
	m.state("a moment ago", false, func() {})
	m.state("in the book", false, func() { m.s.waitForQueue(); m.s.stop(); m.s.run() })
	m.state("while the database is down", true, func() {
		m.s.waitForQueue()
		m.s.kill() // Nothing is remembered.
		m.s.run()
		// By these the server learns the key and the tenants.
		m.tell("", usageOf("acme", "ann", "1", "first of acme", m.at), http.StatusAccepted)
		m.tell("", usageOf("globex", "ann", "1", "first of globex", m.at), http.StatusAccepted)
		m.stored += 2
		m.s.waitForQueue()
		pg.down()
	})
	pg.up()
	m.s.waitForEntries(m.stored)
	m.s.waitForQueue()
	m.s.checkRefused(identities)
	m.s.stop()
	if report := m.s.verifyBook(); report.Entries != m.stored {
		t.Errorf("the book has %d entries, want %d", report.Entries, m.stored)
	}
	t.Logf("%d second events in 3 states, %d entries in the book", 3*len(identities), m.stored)
}

// identityMatrix tells first and second events.
type identityMatrix struct {
	t      *testing.T
	s      *server
	at     string
	stored int // how many entries the book has to have
}

// state tells the first events, has something happen and tells the second ones;
// a server that is blind takes them all, and the book sorts them out.
func (m *identityMatrix) state(name string, blind bool, happen func()) {
	m.t.Helper()
	for _, y := range identities {
		id := name + ", " + y.name
		m.tell("", usageOf("acme", "ann", "1", id, m.at), http.StatusAccepted)
		m.tell(cloudEvents, cloudEventOf("/a", "1", id, m.at), http.StatusAccepted)
		m.stored += 2
	}
	happen()
	for _, y := range identities {
		want := y.status
		if blind {
			want = http.StatusAccepted
		}
		m.tell(y.kind, y.body(name+", "+y.name, m.at), want)
		if y.book == "stored" {
			m.stored++
		}
	}
}

// tell sends an event and holds the answer's status against what it should be.
func (m *identityMatrix) tell(kind, body string, want int) {
	m.t.Helper()
	if kind == "" {
		kind = "application/json"
	}
	a, ok := m.s.do(http.MethodPost, "/metrics/collect", []byte(body), "Content-Type", kind)
	if !ok || a.status != want {
		m.t.Errorf("%s: %d %s, want %d", body, a.status, a.body, want)
	}
}

// checkRefused looks up what became of events that only the book could refuse.
func (s *server) checkRefused(all []identity) {
	s.t.Helper()
	for _, y := range all {
		if y.kind != "" || y.book != "conflict" {
			continue
		}
		var trace struct {
			State    string
			Refusals []struct{ Reason string }
		}
		id := "while the database is down, " + y.name
		s.get("/api/v1/events/"+url.PathEscape(id)+"/trace?tenant_id=acme", &trace)
		if len(trace.Refusals) != 1 || trace.Refusals[0].Reason != "conflict" {
			s.t.Errorf("%s: the trace says %+v", id, trace)
		}
	}
}
