package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// tape is a sender of samples that remembers what was acknowledged, and sends
// the same again until it is. Sample n has the value n.
type tape struct {
	tenant string
	// origin and step place the samples; a negative step makes each late.
	origin, step int64 // milliseconds

	mu           sync.Mutex
	next         int64 // the first sample that is not acknowledged
	dark         bool  // what is acknowledged does not count
	refusals     map[int]int
	withoutRetry int // refusals that do not say when to come again
	last         time.Time
}

// newTape returns a sender whose samples come in order, or each before the last.
func newTape(tenant string, late bool) *tape {
	p := &tape{tenant: tenant, step: 10, refusals: map[int]int{}}
	p.origin = time.Now().Add(-time.Hour).UnixMilli()
	if late {
		p.origin, p.step = time.Now().Add(-10*time.Minute).UnixMilli(), -p.step
	}
	return p
}

// Of each request: so many samples of so many series.
const (
	tapeSamples = 5
	tapeSeries  = 8
)

// send sends the next samples and returns the status, 0 when the server is gone.
func (p *tape) send(s *server) int {
	p.mu.Lock()
	next := p.next
	p.mu.Unlock()
	var samples []ingest.Sample
	for n := next; n < next+tapeSamples; n++ {
		samples = append(samples, ingest.Sample{T: p.origin + n*p.step, V: float64(n)})
	}
	var all []ingesttest.Series
	for pod := range tapeSeries {
		all = append(all, ingesttest.Series{
			Labels: []string{"__name__", "tape", "pod", fmt.Sprint(pod)}, Samples: samples,
		})
	}
	a, ok := s.do(http.MethodPost, "/api/v1/write", ingesttest.EncodeSnappy(all...),
		"X-Scope-OrgID", p.tenant, "Content-Type", "application/x-protobuf", "Content-Encoding", "snappy")
	if !ok {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dark {
		return 0
	}
	if a.status == http.StatusNoContent {
		p.next += tapeSamples
		p.last = time.Now()
		return a.status
	}
	p.refusals[a.status]++
	if a.header.Get("Retry-After") == "" {
		p.withoutRetry++
	}
	return a.status
}

// run sends until it is told to stop or the server is gone.
func (p *tape) run(s *server, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		switch p.send(s) {
		case 0:
			return
		case http.StatusNoContent:
		default:
			<-time.After(100 * time.Millisecond)
		}
	}
}

// darken says whether answers count: they do not once the power is being cut.
func (p *tape) darken(dark bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dark = dark
}

// acknowledged returns how many samples of each series were, and when last.
func (p *tape) acknowledged() (int64, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next, p.last
}

// lost returns how many of the acknowledged samples are not stored, and reports
// those that were never sent.
func (p *tape) lost(t testing.TB, s *server) int64 {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	query := url.Values{"query": {`tape{tenant="` + p.tenant + `"}[3h]`}}
	s.get("/api/v1/query?"+query.Encode(), &answer)
	want := p.next * tapeSeries
	for _, series := range answer.Data.Result {
		seen := map[int64]bool{}
		for _, v := range series.Values {
			at := int64(v[0].(float64)*1000 + 0.5)
			n, err := strconv.ParseInt(v[1].(string), 10, 64)
			if err != nil || at != p.origin+n*p.step || n >= p.next+tapeSamples || seen[n] {
				t.Errorf("%s: %v at %d was never sent, or came twice: %v", p.tenant, v[1], at, err)
			}
			seen[n] = true
			if n < p.next {
				want--
			}
		}
	}
	return want
}

// reel is a sender of events that does the same.
type reel struct {
	name string

	mu           sync.Mutex
	next         int
	dark         bool
	refusals     map[int]int
	withoutRetry int
	last         time.Time
}

func newReel(name string) *reel { return &reel{name: name, refusals: map[int]int{}} }

// send sends the next events and returns the status, 0 when the server is gone.
func (r *reel) send(s *server) int {
	a, ok := s.do(http.MethodPost, "/api/v1/usage", r.body(), "Content-Type", "application/json")
	if !ok {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dark {
		return 0
	}
	if a.status == http.StatusAccepted || a.status == http.StatusOK {
		r.next += perBatch
		r.last = time.Now()
		return http.StatusAccepted
	}
	r.refusals[a.status]++
	if a.header.Get("Retry-After") == "" {
		r.withoutRetry++
	}
	return a.status
}

// body returns the next events; only the sending goroutine moves next.
func (r *reel) body() []byte {
	b := []byte("[")
	for n := r.next; n < r.next+perBatch; n++ {
		if n > r.next {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"tenant_id":%q,"userId":"user-%d","resourceType":"API_REQUEST","service":"api",`+
			`"quantity":0.1,"requestId":"%s-%d","timestamp":%q}`,
			r.name, n%7, r.name, n, time.Unix(1780000000+int64(n), 0).UTC().Format(time.RFC3339))
	}
	return append(b, ']')
}

// run sends until it is told to stop or the server is gone.
func (r *reel) run(s *server, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		switch r.send(s) {
		case 0:
			return
		case http.StatusAccepted:
		default:
			<-time.After(100 * time.Millisecond)
		}
	}
}

// darken does what it does for a tape.
func (r *reel) darken(dark bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dark = dark
}

// acknowledged returns how many events were, and when last.
func (r *reel) acknowledged() (int, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next, r.last
}
