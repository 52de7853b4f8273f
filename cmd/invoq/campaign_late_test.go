package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/internal/campaign"
)

// What tokens cost the owner and what is charged, each, in the late stream.
const (
	lateCost   = "0.000012"
	lateFactor = "1.5"
)

// Events come in any order and up to 45 days late, some of them twice, while
// the month is billed and its bills made final in the middle of the stream: the
// book has each once, what it adds up to is the truth to the last digit however
// it is cut, and issued bills stay as they are. INVOQ_EVENTS sets how many
// events.
func TestCampaignLateEvents(t *testing.T) {
	campaign.Begin(t)
	l := &lateEvents{t: t, s: start(t), n: campaign.Count(t, "INVOQ_EVENTS", 4000, 50_000), now: time.Now().UTC()}
	l.s.post("/api/v1/costs", map[string]any{
		"currency": "USD",
		"csv":      "resource,provider,service,cost,per,model,factor\nAI_TOKENS,openai,gpt-4,0.012,1000,MARKUP,1.5",
	}, nil)
	l.s.post("/api/v1/pricing/plans", map[string]any{
		"name": "standard", "currency": "USD", "price_per_invocation": "0.000001",
	}, nil)
	order := l.order(rand.New(rand.NewPCG(45, 7)))
	half := len(order) / 2
	l.send(order[:half])
	l.s.waitForQueue()
	sealed := l.seal()
	l.send(order[half:])
	l.s.waitForQueue()
	l.s.waitForEntries(l.n)
	for _, by := range []string{"user", "tenant", "service", "resource", "day", "month"} {
		l.checkTotals(by)
	}
	l.checkSealed(sealed)
	l.s.stop()
	if report := l.s.verifyBook(); report.Entries != l.n {
		t.Errorf("the book has %d entries, want %d", report.Entries, l.n)
	}
	t.Logf("%d events up to 45 days late, told %d times, %d bills sealed in the middle", l.n, len(order), len(sealed))
}

// lateEvents is a stream of n events of the last 45 days.
type lateEvents struct {
	t   *testing.T
	s   *server
	n   int
	now time.Time
}

// order returns the events in the order in which they come: each when it was
// and up to 45 days later, which is by now; a tenth comes once more.
func (l *lateEvents) order(rng *rand.Rand) []int {
	type coming struct {
		n     int
		known time.Duration // ago
	}
	var all []coming
	for n := range l.n {
		all = append(all, coming{n, time.Duration(rng.Int64N(int64(l.ago(n)) + 1))})
		if rng.IntN(10) == 0 {
			all = append(all, coming{n, time.Duration(rng.Int64N(int64(l.ago(n)) + 1))})
		}
	}
	slices.SortStableFunc(all, func(a, b coming) int { return int(b.known - a.known) })
	order := make([]int, len(all))
	for i, c := range all {
		order[i] = c.n
	}
	return order
}

// ago is how long before now the n-th event was: evenly over 45 days, in an
// order that is not that of their numbers.
func (l *lateEvents) ago(n int) time.Duration {
	return 45 * 24 * time.Hour / time.Duration(l.n) * time.Duration(n*7919%l.n)
}

// send tells the events in their order.
func (l *lateEvents) send(order []int) {
	l.t.Helper()
	for batch := range slices.Chunk(order, 500) {
		var events []map[string]any
		for _, n := range batch {
			events = append(events, map[string]any{
				"tenant_id": fmt.Sprint("tenant-", n%5), "userId": fmt.Sprint("user-", n%11),
				"resourceType": "AI_TOKENS", "provider": "openai", "service": "gpt-4",
				"quantity": json.Number(l.quantity(n).String()), "requestId": fmt.Sprint("late-", n),
				"timestamp": l.now.Add(-l.ago(n)).Format(time.RFC3339Nano),
			})
		}
		body, err := json.Marshal(events)
		if err != nil {
			l.t.Fatal(err)
		}
		a, ok := l.s.do(http.MethodPost, "/metrics/collect", body, "Content-Type", "application/json")
		if !ok || a.status != http.StatusAccepted && a.status != http.StatusOK {
			l.t.Fatalf("%d %s", a.status, a.body)
		}
	}
}

// quantity has six places, so that sums have the micro-unit.
func (l *lateEvents) quantity(n int) invoq.Decimal {
	return invoq.NewDecimal(int64(n)*1_000_003%987_654_321+1, -6)
}

// seal has the month before this one billed for good and returns its bills.
func (l *lateEvents) seal() map[string]json.RawMessage {
	l.t.Helper()
	l.s.post("/api/v1/metrics/aggregate", nil, nil)
	month := firstOfMonth(l.now).AddDate(0, -1, 0).Format("2006-01")
	var run struct{ ID string }
	l.s.post("/api/v1/billing/run", map[string]any{"month": month, "finalize": true}, &run)
	for deadline := time.Now().Add(2 * time.Minute); ; {
		var now struct {
			Final      int
			FinishedAt time.Time `json:"finished_at"`
		}
		l.s.get("/api/v1/billing/runs/"+run.ID, &now)
		if !now.FinishedAt.IsZero() {
			break
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("the run has not ended\n%s", l.s.log)
		}
		<-time.After(50 * time.Millisecond)
	}
	return l.finalBills()
}

// finalBills returns all issued bills as they are answered, by their number.
func (l *lateEvents) finalBills() map[string]json.RawMessage {
	l.t.Helper()
	var all page[json.RawMessage]
	l.s.get("/api/v1/billing/bills?status=final&limit=100", &all)
	bills := map[string]json.RawMessage{}
	for _, b := range all.Items {
		var named struct{ Number string }
		if err := json.Unmarshal(b, &named); err != nil {
			l.t.Fatal(err)
		}
		bills[named.Number] = b
	}
	return bills
}

// checkSealed holds issued bills against what they were; and drafts made now,
// after everything has come, do not touch them.
func (l *lateEvents) checkSealed(sealed map[string]json.RawMessage) {
	l.t.Helper()
	if len(sealed) != 5 {
		l.t.Errorf("%d bills were sealed, want one for each of 5 tenants", len(sealed))
	}
	l.s.post("/api/v1/billing/run", map[string]any{"month": l.now.Format("2006-01")}, nil)
	for number, now := range l.finalBills() {
		if !bytes.Equal(sealed[number], now) {
			l.t.Errorf("%s was\n%s\nand is\n%s", number, sealed[number], now)
		}
	}
}

// checkTotals holds what the book adds up to, cut in one way, against the
// truth, and the rows against the totals.
func (l *lateEvents) checkTotals(by string) {
	l.t.Helper()
	query := url.Values{
		"by": {by}, "limit": {"1000"}, "start": {l.now.Add(-50 * 24 * time.Hour).Format(time.RFC3339)},
		"end": {l.now.Add(time.Hour).Format(time.RFC3339)},
	}
	var answer struct{ Totals, Rows []marginRow }
	l.s.get("/api/v1/margins?"+query.Encode(), &answer)
	var quantity invoq.Decimal
	for n := range l.n {
		quantity = quantity.Add(l.quantity(n))
	}
	cost := quantity.Mul(invoq.MustDecimal(lateCost))
	billed := cost.Mul(invoq.MustDecimal(lateFactor))
	want := []marginRow{{
		Currency: "USD", Entries: int64(l.n), RealCost: cost.String(), BilledCost: billed.String(),
		Margin: billed.Sub(cost).String(),
	}}
	if diff := cmp.Diff(want, answer.Totals); diff != "" {
		l.t.Errorf("totals by %s (-truth +book):\n%s", by, diff)
	}
	sum := marginRow{Currency: "USD"}
	var rowsReal, rowsBilled invoq.Decimal
	for _, r := range answer.Rows {
		sum.Entries += r.Entries
		rowsReal = rowsReal.Add(invoq.MustDecimal(r.RealCost))
		rowsBilled = rowsBilled.Add(invoq.MustDecimal(r.BilledCost))
	}
	if sum.Entries != int64(l.n) || !rowsReal.Equal(cost) || !rowsBilled.Equal(billed) {
		l.t.Errorf("rows by %s: %d entries, %s and %s; want %d, %s and %s",
			by, sum.Entries, rowsReal, rowsBilled, l.n, cost, billed)
	}
}
