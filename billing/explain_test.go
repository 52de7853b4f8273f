package billing_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/internal/booktest"
	"invoq/pricing/catalogue"
)

// traced says what the entries behind each line of a bill add up to.
func (d *desk) traced(b invoq.Bill) map[string]string {
	d.t.Helper()
	trace, err := d.office.Explain(d.t.Context(), everyone, b.ID)
	d.must(err)
	all := map[string]string{}
	for _, l := range trace.Lines {
		var sum invoq.Decimal
		for _, u := range l.Usage {
			sum = sum.Add(u.Quantity)
			if u.Entries < 1 || u.First > u.Last || u.Last >= b.Head.Size {
				d.t.Errorf("line %s %s is made of %+v", l.Line.Rate, l.Line.Kind, u)
			}
		}
		name := l.Line.Rate + " " + string(l.Line.Kind)
		if l.Line.Model == invoq.RateFree {
			name += " FREE"
		}
		if l.Line.Corrects != "" {
			name += " corrects"
		}
		all[name] = sum.String()
	}
	return all
}

func wantTraced(t *testing.T, got, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("traced (-want +got):\n%s", diff)
	}
}

// assign has a tenant priced by rates from the beginning of the year on.
func (d *desk) assign(t invoq.Tenant, rates ...invoq.Rate) {
	d.t.Helper()
	_, err := d.db.AssignPlan(d.t.Context(), everyone, invoq.PlanAssignment{
		TenantID: t.ID, EffectiveFrom: "2026-01-01", PlanID: d.newPlanOf(string(t.Name), rates).ID, Reason: "test",
	})
	d.must(err)
}

// Every line that comes of usage is traced to its entries: also one without
// inputs of its own, and one about units from before the period.
func TestEveryLineHasItsEntries(t *testing.T) {
	d := openDesk(t)
	d.assign(d.tenant("acme", "UTC"), invoq.Rate{
		Meter: invoq.Invocations, Kind: invoq.RateReserved, Committed: invoq.NewDecimal(100, 0),
		Price: invoq.NewDecimal(1, 0), Overage: invoq.NewDecimal(2, 0), MinimumPerMonth: invoq.NewDecimal(9000, 0),
	})
	d.assign(d.tenant("zeta", "UTC"), invoq.Rate{
		Meter: invoq.Invocations, Kind: invoq.RateVolume, Tiers: []invoq.Tier{
			{UpTo: invoq.NewDecimal(100, 0), Price: invoq.NewDecimal(2, 0)},
			{From: invoq.NewDecimal(100, 0), Price: invoq.NewDecimal(1, 0)},
		},
	})
	for _, name := range []string{"acme", "zeta"} {
		d.use(name, "2026-03-10T09:00:00Z", 100)
		d.use(name, "2026-03-20T09:00:00Z", 30)
	}
	wantTraced(t, d.traced(d.draft("acme", time.March)), map[string]string{
		"invocations usage": "130", "invocations overage": "130", "invocations minimum": "130",
	})
	half := invoq.Interval{Start: month(time.March).Start.AddDate(0, 0, 14), End: month(time.March).End}
	for name, want := range map[string]map[string]string{
		"acme": {"invocations overage": "30", "invocations minimum": "130"},
		"zeta": {"invocations usage": "30", "invocations reprice": "100"},
	} {
		c, err := d.biller.Calculate(t.Context(), everyone, name, half)
		d.must(err)
		wantTraced(t, d.traced(c.Bill), want)
	}
}

// Lines of the cost catalogue have the entries of their own model, and one that
// is made of costs those whose cost is known.
func TestLinesHaveTheirOwnEntries(t *testing.T) {
	d := openDesk(t)
	d.assign(d.tenant("acme", "UTC"), invoq.Rate{
		Meter: invoq.APIRequest, Kind: invoq.RateMarkup, Factor: invoq.NewDecimal(2, 0)})
	costs := billing.NewCosts(d.db, time.Now)
	at := time.Date(2026, time.March, 5, 12, 0, 0, 0, time.UTC)
	one := invoq.NewDecimal(1, 0)
	for i, items := range [][]catalogue.Item{
		{{Meter: invoq.AITokens, Cost: one, Model: invoq.RateFree}},
		{{Meter: invoq.AITokens, Cost: one, Model: invoq.RateMarkup, Factor: one}, {Meter: invoq.APIRequest, Cost: one}},
	} {
		_, err := costs.Import(t.Context(), "USD", items, "test")
		d.must(err)
		n := fmt.Sprint(i)
		booktest.Tell(t, d.db, billing.NewRater(d.db, costs, time.Now),
			resource("acme", "t"+n, "gpt-4", invoq.AITokens, "5"+n, at),
			resource("acme", "r"+n, "gpt-4", invoq.APIRequest, "7"+n, at))
	}
	wantTraced(t, d.traced(d.draft("acme", time.March)), map[string]string{
		"AI_TOKENS by the cost catalogue usage FREE": "50", "AI_TOKENS by the cost catalogue usage": "51",
		"API_REQUEST usage": "71",
	})
}

// A correction is traced to the entries that came since the bill that it corrects.
func TestCorrectionsHaveTheirEntries(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	d.issue("acme", time.March)
	d.use("acme", "2026-03-20T09:00:00Z", 55)
	wantTraced(t, d.traced(d.issue("acme", time.April)), map[string]string{"invocations usage corrects": "55"})
	d.use("acme", "2026-03-21T09:00:00Z", 5)
	wantTraced(t, d.traced(d.issue("acme", time.May)), map[string]string{"invocations usage corrects": "5"})
}
