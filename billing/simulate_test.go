package billing_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/internal/booktest"
	"invoq/pricing/catalogue"
)

// simulated returns what March comes to by plans, and what has no price.
func (d *desk) simulated(t invoq.Tenant, plans ...invoq.Plan) (totals []string, unpriced []int) {
	d.t.Helper()
	out, err := d.biller.Simulate(d.t.Context(), billing.Simulate{
		Tenant: t, Zone: time.UTC, Period: month(time.March), Plans: plans,
	})
	d.must(err)
	for _, r := range out.Results {
		totals, unpriced = append(totals, r.Statement.Total.String()), append(unpriced, len(r.Statement.Unpriced))
	}
	return totals, unpriced
}

// What is simulated is what the bill would be, with what the cost catalogue
// charges for; and costs in one currency are none in another.
func TestSimulatedIsBilled(t *testing.T) {
	d := openDesk(t)
	acme := d.tenant("acme", "UTC")
	costs := billing.NewCosts(d.db, time.Now)
	_, err := costs.Import(t.Context(), "USD", []catalogue.Item{{
		Meter: invoq.AITokens, Cost: invoq.MustDecimal("0.01"), Model: invoq.RateMarkup, Factor: invoq.MustDecimal("1.5"),
	}}, "test")
	d.must(err)
	at := time.Date(2026, time.March, 5, 12, 0, 0, 0, time.UTC)
	booktest.Tell(t, d.db, billing.NewRater(d.db, costs, time.Now),
		resource("acme", "r1", "gpt-4", invoq.AITokens, "1000", at))
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	bill := d.draft("acme", time.March)
	wantLines(t, bill, "2026-03 invocations 1100 − 100 = 10",
		"2026-03 AI_TOKENS by the cost catalogue 1000 − 0 = 15", "total 25")
	resold := func(currency invoq.Currency) invoq.Plan {
		return invoq.Plan{Name: "resold", Currency: currency, Rates: []invoq.Rate{
			{Meter: invoq.AITokens, Kind: invoq.RateMarkup, Factor: invoq.NewDecimal(3, 0)},
			{Meter: invoq.Invocations, Kind: invoq.RateFree},
		}}
	}
	totals, unpriced := d.simulated(acme, d.plan, resold("USD"))
	if diff := cmp.Diff([]string{"25", "30"}, totals); diff != "" || unpriced[0] != 0 {
		t.Errorf("unpriced %v, totals (-want +got):\n%s", unpriced, diff)
	}
	totals, unpriced = d.simulated(acme, resold("EUR"))
	if diff := cmp.Diff([]string{"0"}, totals); diff != "" || unpriced[0] != 1 {
		t.Errorf("unpriced %v, totals (-want +got):\n%s", unpriced, diff)
	}
}
