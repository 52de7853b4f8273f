package billing_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/internal/campaign"
)

// lateUse is usage that becomes known some time after it was.
type lateUse struct {
	at, known   time.Time
	invocations int64
}

// lateStream is usage of January to March, each up to 45 days late, in the
// order in which it becomes known.
func lateStream(rng *rand.Rand, n int) []lateUse {
	var all []lateUse
	first := month(time.January).Start
	for range n {
		at := first.Add(time.Duration(rng.Int64N(int64(month(time.March).End.Sub(first)))))
		all = append(all, lateUse{
			at: invoq.Window5m.Floor(at), invocations: 1 + rng.Int64N(5000),
			known: at.Add(time.Duration(rng.Int64N(int64(45 * 24 * time.Hour)))),
		})
	}
	slices.SortFunc(all, func(a, b lateUse) int { return cmp.Compare(a.known.UnixNano(), b.known.UnixNano()) })
	return all
}

// Usage comes in any order and up to 45 days late, while months are sealed in
// the middle of it: what all bills say together, corrections with them, is what
// the usage comes to, and each usage is on one bill. INVOQ_EVENTS sets how many
// usages a tenant has, INVOQ_TENANTS how many tenants.
func TestCampaignLateUsageOnBills(t *testing.T) {
	campaign.Begin(t)
	events := campaign.Count(t, "INVOQ_EVENTS", 60, 1000)
	tenants := campaign.Count(t, "INVOQ_TENANTS", 3, 10)
	d := openDesk(t)
	rng := rand.New(rand.NewPCG(7, 45))
	for n := range tenants {
		name := fmt.Sprintf("tenant-%d", n)
		l := &lateLedger{desk: d, tenant: d.tenant(name, "UTC"), seal: time.January, used: map[time.Time]int64{}}
		for _, u := range lateStream(rng, events) {
			l.take(u)
		}
		l.settle(rng)
	}
}

// lateLedger is what a tenant used, and what was billed of it.
type lateLedger struct {
	*desk
	tenant invoq.Tenant
	seal   time.Month          // the next month that is sealed
	used   map[time.Time]int64 // invocations by window
	bills  []invoq.Bill
}

// take lets usage become known; months whose fifth day after the end has come
// are sealed before.
func (l *lateLedger) take(u lateUse) {
	l.t.Helper()
	for ; l.seal < time.December && u.known.After(month(l.seal).End.AddDate(0, 0, 5)); l.seal++ {
		l.bills = append(l.bills, l.issue(string(l.tenant.Name), l.seal))
	}
	l.used[u.at] += u.invocations
	l.use(string(l.tenant.Name), u.at.Format(time.RFC3339), l.used[u.at])
}

// settle seals what is open and one month more, for the last corrections, and
// holds all bills against the usage.
func (l *lateLedger) settle(rng *rand.Rand) {
	l.t.Helper()
	name := string(l.tenant.Name)
	for last := max(l.seal, time.April); l.seal <= last; l.seal++ {
		l.bills = append(l.bills, l.issue(name, l.seal))
	}
	var billed, quantity, right, used invoq.Decimal
	corrections := 0
	for _, b := range l.bills {
		billed = billed.Add(b.Total)
		for _, line := range b.Lines {
			quantity = quantity.Add(line.Quantity)
			if line.Corrects != "" {
				corrections++
			}
		}
	}
	for m := time.January; m <= time.March; m++ {
		right = right.Add(l.worth(m))
	}
	for _, n := range l.used {
		used = used.Add(invoq.NewDecimal(n, 0))
	}
	if !billed.Equal(right) || !quantity.Equal(used) {
		l.t.Errorf("%s: %s invocations for %s are billed, the usage is %s for %s",
			name, quantity, billed, used, right)
	}
	if corrections == 0 {
		l.t.Errorf("%s: nothing came late: the test proves little", name)
	}
	l.t.Logf("%s: %d windows, %d bills, %d correction lines, %s billed", name, len(l.used), len(l.bills), corrections, billed)
	l.unchanged(l.bills[rng.IntN(len(l.bills))])
}

// worth is what the usage of a month comes to, known as it is in the end.
func (l *lateLedger) worth(m time.Month) invoq.Decimal {
	l.t.Helper()
	sim, err := l.biller.Simulate(l.t.Context(), billing.Simulate{
		Tenant: l.tenant, Zone: time.UTC, Period: month(m), Plans: []invoq.Plan{l.plan},
	})
	l.must(err)
	return sim.Results[0].Statement.Total
}

// unchanged holds a stored bill against what it was when it was issued.
func (l *lateLedger) unchanged(issued invoq.Bill) {
	l.t.Helper()
	now, err := l.db.FindBill(l.t.Context(), everyone, issued.ID)
	l.must(err)
	if string(billing.Canonical(now)) != string(billing.Canonical(issued)) {
		l.t.Errorf("bill %s has changed since it was issued", issued.Number)
	}
}
