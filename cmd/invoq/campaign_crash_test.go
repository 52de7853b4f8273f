package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"invoq/internal/campaign"
)

// readyTime is how long a server may take from its start to its first answer
// after it was killed.
const readyTime = 10 * time.Second

// The server is killed again and again, at moments that are chosen and at
// others, while events, both remote writes, aggregation and bill runs are going
// on: what was acknowledged is there, each thing once, and it adds up.
// INVOQ_CYCLES sets how often.
func TestCampaignCrashLoop(t *testing.T) {
	campaign.Begin(t)
	cycles := campaign.Count(t, "INVOQ_CYCLES", len(moments)+1, 200)
	c := newCrash(t)
	for i := range cycles {
		c.cycle(i)
	}
	c.settle()
	slowest := campaign.Percentile(c.ready, 1)
	t.Logf("%d kills (%v); ready again after %s (median), %s (p99), %s (slowest)", cycles, c.met,
		campaign.Percentile(c.ready, 0.5), campaign.Percentile(c.ready, 0.99), slowest)
	// A short campaign runs beside other tests, which take their time.
	if p99 := campaign.Percentile(c.ready, 0.99); campaign.Long() && p99 > readyTime {
		t.Errorf("the server was ready after %s, want %s at most", p99, readyTime)
	}
}

// crash is a server that is killed and the clients that talk to it.
type crash struct {
	t       *testing.T
	s       *server
	rng     *rand.Rand
	journal string
	senders []*sender
	loads   []*load
	runs    map[string]string // months of the bill runs that were acknowledged, by id
	ready   []time.Duration
	met     map[string]int // kills, by the moment that was met
}

func newCrash(t *testing.T) *crash {
	t.Helper()
	journal, path := newJournal(t)
	c := &crash{
		t: t, s: start(t), rng: rand.New(rand.NewPCG(1, 2)), runs: map[string]string{}, met: map[string]int{},
		journal: path, senders: newSenders(journal, 4),
		loads: []*load{newLoad("metrics-1", 1), newLoad("metrics-2", 2)},
	}
	c.s.post("/api/v1/pricing/plans", map[string]any{
		"name": "standard", "currency": "USD", "price_per_invocation": "0.000001",
	}, nil)
	// Months are open until usage was counted and posted a first time.
	c.s.post("/api/v1/metrics/aggregate", nil, nil)
	return c
}

// cycle lets the clients work, kills the server, at one of the moments or at
// any, and starts it again.
func (c *crash) cycle(i int) {
	c.t.Helper()
	working, gone := context.WithCancel(c.t.Context())
	var clients sync.WaitGroup
	for _, x := range c.senders {
		clients.Go(func() { x.run(c.t, c.s, working.Done()) })
	}
	for _, l := range c.loads {
		clients.Go(func() { l.run(c.s, working.Done()) })
	}
	clients.Go(func() { c.aggregate(working) })
	clients.Go(func() { c.bill(working, i) })
	name := c.await(i)
	c.s.kill()
	gone()
	clients.Wait()
	c.met[name]++
	started := time.Now()
	c.s.run()
	if a, ok := c.s.do(http.MethodGet, "/api/v1/tenants", nil); !ok || a.status != http.StatusOK {
		c.t.Fatalf("the server is ready and answers %d %s", a.status, a.body)
	}
	c.ready = append(c.ready, time.Since(started))
}

// await waits for the moment of the cycle and returns its name. Every moment is
// met at a random distance from the start, and one cycle in so many ends
// without one.
func (c *crash) await(i int) string {
	c.t.Helper()
	least, spread := 300, 500 // milliseconds
	if campaign.Long() {
		least, spread = 2000, 3000
	}
	<-time.After(time.Duration(least+c.rng.IntN(spread)) * time.Millisecond)
	if i %= len(moments) + 1; i < len(moments) {
		return moments[i].await(c.t, c.s)
	}
	return "any"
}

// aggregate has windows counted, again and again.
func (c *crash) aggregate(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
		if _, ok := c.s.do(http.MethodPost, "/api/v1/metrics/aggregate", nil); !ok {
			return
		}
	}
}

// bill asks for runs of one month after the other, of the year that is over.
func (c *crash) bill(ctx context.Context, i int) {
	for n := i; ctx.Err() == nil; n++ {
		month := firstOfMonth(time.Now()).AddDate(0, -1-n%12, 0).Format("2006-01")
		if !c.askRun(month) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// askRun asks for a run of a month, which finds the one that has not ended, and
// reports whether the server has answered.
func (c *crash) askRun(month string) bool {
	c.t.Helper()
	body := fmt.Sprintf(`{"month":%q,"finalize":true}`, month)
	a, ok := c.s.do(http.MethodPost, "/api/v1/billing/run", []byte(body), "Content-Type", "application/json")
	if !ok {
		return false
	}
	var run struct{ ID string }
	if err := json.Unmarshal(a.body, &run); a.status != http.StatusAccepted || err != nil {
		c.t.Errorf("bill run of %s: %d %s", month, a.status, a.body)
		return false
	}
	c.runs[run.ID] = month
	return true
}

func firstOfMonth(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// settle lets everything end and holds what is stored against what was sent.
func (c *crash) settle() {
	c.t.Helper()
	for i, x := range c.senders { // What was not acknowledged is sent again, by half of them.
		if i%2 == 0 && !x.send(c.t, c.s) {
			c.t.Fatalf("%s is not answered", x.name)
		}
	}
	c.s.post("/api/v1/metrics/aggregate", nil, nil)
	samples := 0
	for _, l := range c.loads {
		samples += loadPods * len(l.acknowledged)
		l.check(c.s)
	}
	for id := range c.runs {
		c.awaitRun(id)
	}
	c.s.waitForQueue()
	c.s.stop()
	report := c.s.verifyBook()
	c.t.Logf("%d samples acknowledged; %d entries in %d batches, %d heads; %d bill runs",
		samples, report.Entries, report.Batches, report.Heads, len(c.runs))
	c.s.reckon(c.journal, 20*len(c.ready))
	c.checkBills()
}

// awaitRun waits until a bill run has ended. One in which the server was killed
// goes on by itself within a minute; a short campaign asks for it once more.
func (c *crash) awaitRun(id string) {
	c.t.Helper()
	if !campaign.Long() {
		c.askRun(c.runs[id])
	}
	for deadline := time.Now().Add(3 * time.Minute); ; {
		var run struct {
			Tenants, Final, Kept, Parked, Drafted int
			FinishedAt                            time.Time `json:"finished_at"`
		}
		c.s.get("/api/v1/billing/runs/"+id, &run)
		if !run.FinishedAt.IsZero() {
			if run.Final+run.Kept != run.Tenants {
				c.t.Errorf("run %s: %+v", id, run)
			}
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("run %s has not ended: %+v\n%s", id, run, c.s.log)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// checkBills looks for what bill runs must not leave in the stopped server's
// database.
func (c *crash) checkBills() {
	c.t.Helper()
	c.s.withDatabase(func(d *database) {
		for what, sql := range map[string]string{
			"tenants and months with several bills": `SELECT count(*) FROM (
				SELECT FROM bills WHERE status <> 'void' GROUP BY tenant_id, period_start HAVING count(*) > 1) AS b`,
			"numbers that are missing": `SELECT coalesce(max(right(number, 8)::int), 0) - count(number) FROM bills`,
			"bills that are not final": `SELECT count(*) FROM bills WHERE status <> 'final'`,
		} {
			if n := d.number(sql); n != 0 {
				c.t.Errorf("%d %s", n, what)
			}
		}
		if n := d.number("SELECT count(*) FROM bills"); n == 0 {
			c.t.Error("there are no bills: the test proves little")
		}
	})
}
