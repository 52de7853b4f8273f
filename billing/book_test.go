package billing_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/internal/booktest"
	"invoq/postgres"
	"invoq/pricing"
	"invoq/pricing/catalogue"
)

// resource returns an event of a tenant's user.
func resource(tenant, id, service string, m invoq.Meter, quantity string, at time.Time) invoq.Event {
	return invoq.Event{
		Tenant: invoq.TenantName(tenant), User: "user-1", RequestID: id, Service: service, Provider: "openai",
		Measures: []invoq.Measure{{Meter: m, Quantity: invoq.MustDecimal(quantity)}},
		Time:     at, ReceivedAt: at,
	}
}

// The stored sums of months say what the entries say, for every head that the
// book has had, in zones whose months begin elsewhere, and also for a tenant
// whose zone was another one when its entries were added up.
func TestStoredSumsAreTheEntries(t *testing.T) {
	d := openDesk(t)
	rng := rand.New(rand.NewPCG(1, 2))
	tenants := []invoq.Tenant{
		d.tenant("utc", "UTC"), d.tenant("tokyo", "Asia/Tokyo"), d.tenant("moved", "America/New_York"),
	}
	var sizes []int64
	for round := range 4 {
		var events []invoq.Event
		for n := range 60 {
			tenant := tenants[rng.IntN(len(tenants))]
			at := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC).Add(
				time.Duration(rng.IntN(1500)-300) * time.Hour)
			events = append(events, resource(string(tenant.Name), fmt.Sprintf("%d-%d", round, n),
				"gpt-"+fmt.Sprint(rng.IntN(3)), invoq.AITokens, fmt.Sprintf("%d.5", rng.IntN(1000)), at))
		}
		booktest.Tell(t, d.db, nil, events...)
		head, err := d.db.BookHead(t.Context())
		d.must(err)
		sizes = append(sizes, head.Size)
		if round == 1 {
			_, err := d.connect().Exec(t.Context(), `UPDATE tenants SET timezone = 'Asia/Kolkata' WHERE name = 'moved'`)
			d.must(err)
			tenants[2].Timezone = "Asia/Kolkata"
		}
	}
	for _, size := range append(sizes, postgres.WholeBook) {
		for _, tenant := range tenants {
			d.compareSums(tenant, size)
		}
	}
}

// compareSums fails unless a tenant's months are the same, read as months and
// read as intervals of which nobody says that they are months.
func (d *desk) compareSums(tenant invoq.Tenant, size int64) {
	d.t.Helper()
	zone, err := tenant.Location()
	d.must(err)
	var months, intervals []postgres.Span
	for m := time.February; m <= time.April; m++ {
		p := pricing.NewMonth(2026, m, zone)
		intervals = append(intervals, postgres.Span{Tenant: tenant.ID, Interval: p.Interval})
		months = append(months, postgres.Span{
			Tenant: tenant.ID, Interval: p.Interval, Month: fmt.Sprintf("2026-%02d", m), Zone: tenant.Timezone,
		})
	}
	stored, err := d.db.SumBook(d.t.Context(), invoq.Only(tenant.ID), months, size)
	d.must(err)
	entries, err := d.db.SumBook(d.t.Context(), invoq.Only(tenant.ID), intervals, size)
	d.must(err)
	if diff := cmp.Diff(entries, stored, cmp.Comparer(invoq.Decimal.Equal)); diff != "" {
		d.t.Errorf("%s at %d (-entries +stored):\n%s", tenant.Name, size, diff)
	}
	if len(entries.Spans[1]) == 0 {
		d.t.Errorf("%s used nothing: the test proves little", tenant.Name)
	}
}

// What the plan has no rate for is billed as the cost catalogue has charged for
// it; the bill names all that it was made of, and computing it again gives the
// same bytes whatever comes after.
func TestBillsNameTheirInputs(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	costs := billing.NewCosts(d.db, time.Now)
	_, err := costs.Import(t.Context(), "USD", []catalogue.Item{{
		Meter: invoq.AITokens, Cost: invoq.MustDecimal("0.012"), Per: invoq.NewDecimal(1000, 0),
		Model: invoq.RateMarkup, Factor: invoq.MustDecimal("1.5"),
	}}, "test")
	d.must(err)
	at := time.Date(2026, time.March, 5, 12, 0, 0, 0, time.UTC)
	rater := billing.NewRater(d.db, costs, time.Now)
	booktest.Tell(t, d.db, rater,
		resource("acme", "r1", "gpt-4", invoq.AITokens, "250000", at),
		resource("acme", "r2", "gpt-4", invoq.AITokens, "250000", at.Add(time.Hour)),
		resource("acme", "r3", "disk", invoq.StorageMB, "7", at))
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	b := d.issue("acme", time.March)
	wantLines(t, b, "2026-03 invocations 1100 − 100 = 10",
		"2026-03 AI_TOKENS by the cost catalogue 500000 − 0 = 9", "total 19")
	if l := b.Lines[1]; l.Cost.String() != "6" || l.Model != invoq.RateMarkup || l.Inputs[0].Service != "gpt-4" {
		t.Errorf("line %+v", l)
	}
	head, err := d.db.BookHead(t.Context())
	d.must(err)
	if b.Head != head || head.Size == 0 || b.Catalogue != 1 {
		t.Errorf("the bill names %+v and catalogue %d, the head is %+v", b.Head, b.Catalogue, head)
	}
	if len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], "7 STORAGE_MB are not billed") {
		t.Errorf("warnings %q", b.Warnings)
	}
	// Later entries of the period leave the bill as it is; the next has them.
	booktest.Tell(t, d.db, rater, resource("acme", "r4", "gpt-4", invoq.AITokens, "100000", at))
	again, err := d.office.Recompute(t.Context(), everyone, b.ID)
	if err != nil || !again.Agrees() || len(again.Corrections) != 1 {
		t.Errorf("agrees %v, corrections %v: %v", again.Agrees(), again.Corrections, err)
	}
	wantLines(t, d.draft("acme", time.April),
		"2026-03 AI_TOKENS by the cost catalogue 100000 − 0 = 1.8 corrects", "total 1.8")
}

// Usage that the cost catalogue charges for in another currency is on no bill,
// and the bill names the currency, not a missing rate.
func TestBillsNameAnotherCurrency(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	costs := billing.NewCosts(d.db, time.Now)
	_, err := costs.Import(t.Context(), "EUR", []catalogue.Item{{
		Meter: invoq.AITokens, Cost: invoq.MustDecimal("0.012"), Per: invoq.NewDecimal(1000, 0),
		Model: invoq.RateMarkup, Factor: invoq.MustDecimal("1.5"),
	}}, "test")
	d.must(err)
	at := time.Date(2026, time.March, 5, 12, 0, 0, 0, time.UTC)
	booktest.Tell(t, d.db, billing.NewRater(d.db, costs, time.Now),
		resource("acme", "r1", "gpt-4", invoq.AITokens, "250000", at),
		resource("acme", "r2", "gpt-4", invoq.AITokens, "50000", at.Add(time.Hour)),
		resource("acme", "r3", "disk", invoq.StorageMB, "7", at))
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	b := d.issue("acme", time.March)
	wantLines(t, b, "2026-03 invocations 1100 − 100 = 10", "total 10")
	want := []string{
		"300000 AI_TOKENS are not billed: they are charged in EUR by the cost catalogue, and the bill is in USD",
		"7 STORAGE_MB are not billed: no rate prices them",
	}
	slices.Sort(b.Warnings)
	if diff := cmp.Diff(want, b.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	again, err := d.office.Recompute(t.Context(), everyone, b.ID)
	if err != nil || !again.Agrees() {
		t.Errorf("agrees %v: %v", again.Agrees(), err)
	}
}

// A bill that was priced by tags keeps them: computing it again, and holding it
// against late usage, goes by what the services were called then.
func TestBillsKeepTheirTags(t *testing.T) {
	d := openDesk(t)
	acme := d.tenant("acme", "UTC")
	gold := d.newGold()
	_, err := d.db.AssignPlan(t.Context(), everyone, invoq.PlanAssignment{
		TenantID: acme.ID, EffectiveFrom: "2026-01-01", PlanID: gold.ID, Reason: "test",
	})
	d.must(err)
	d.use("acme", "2026-03-10T09:00:00Z", 10)
	d.tag(`{"class": "gold"}`)
	b := d.issue("acme", time.March)
	wantLines(t, b, "2026-03 invocations 10 − 0 = 10", "total 10")
	d.tag(`{}`)
	again, err := d.office.Recompute(t.Context(), everyone, b.ID)
	if err != nil || !again.Agrees() || len(again.Corrections) != 0 {
		t.Errorf("agrees %v, corrections %v: %v", again.Agrees(), again.Corrections, err)
	}
	wantLines(t, d.draft("acme", time.April), "total 0")
}

// What a correction or a re-rating was priced by stays, too: other tags later on
// change neither what was shown nor what was billed.
func TestCorrectionsKeepTheirTags(t *testing.T) {
	d := openDesk(t)
	acme := d.tenant("acme", "UTC")
	gold := d.newGold()
	_, err := d.db.AssignPlan(t.Context(), everyone, invoq.PlanAssignment{
		TenantID: acme.ID, EffectiveFrom: "2026-01-01", PlanID: gold.ID, Reason: "test",
	})
	d.must(err)
	d.use("acme", "2026-01-10T09:00:00Z", 1)
	d.issue("acme", time.March)
	d.use("acme", "2026-03-10T09:00:00Z", 10)
	d.tag(`{"class": "gold"}`)
	april := d.issue("acme", time.April)
	wantLines(t, april, "2026-03 invocations 10 − 0 = 10 corrects", "total 10")
	d.tag(`{}`)
	wantLines(t, d.draft("acme", time.May), "total 0")
	again, err := d.office.Recompute(t.Context(), everyone, april.ID)
	if err != nil || !again.Agrees() || len(again.Corrections) != 0 {
		t.Errorf("agrees %v, corrections %v: %v", again.Agrees(), again.Corrections, err)
	}
}

// A re-rating is done by the tags with which it was shown.
func TestReratingsKeepTheirTags(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 110)
	march := d.issue("acme", time.March)
	d.tag(`{"class": "gold"}`)
	q := billing.Rerate{Bill: march.ID, Plan: d.newGold().ID, Reason: "agreed", By: "test"}
	shown, err := d.office.PreviewRerate(t.Context(), everyone, q)
	d.must(err)
	done, err := d.office.Rerate(t.Context(), everyone, q, shown.Token)
	d.must(err)
	d.tag(`{}`)
	april := d.issue("acme", time.April)
	if !april.Total.Equal(shown.Difference) || shown.Difference.String() != "109.9" {
		t.Errorf("shown %s, billed %s", shown.Difference, april.Total)
	}
	wantLines(t, d.draft("acme", time.May), "total 0")
	// Taken back, and that taken back: it is the first one again.
	for _, want := range []string{"-109.9", "0"} {
		back := billing.Rerate{Bill: march.ID, Reverts: done.Applied.ID, Reason: "not agreed", By: "test"}
		shown, err = d.office.PreviewRerate(t.Context(), everyone, back)
		d.must(err)
		if shown.Difference.String() != want {
			t.Errorf("re-rating %d taken back: %s, want %s", back.Reverts, shown.Difference, want)
		}
		done, err = d.office.Rerate(t.Context(), everyone, back, shown.Token)
		d.must(err)
	}
}

// newGold stores a plan that asks ten times the price of services of a class.
func (d *desk) newGold() invoq.Plan {
	d.t.Helper()
	return d.newPlanOf("by tags", []invoq.Rate{
		{
			Meter: invoq.Invocations, Price: invoq.MustDecimal("1"),
			Where: invoq.Selector{Tags: map[string]string{"class": "gold"}},
		},
		{Meter: invoq.Invocations, Name: "other", Price: invoq.MustDecimal("0.1")},
	})
}

// newPlanOf stores a plan with these rates.
func (d *desk) newPlanOf(name string, rates []invoq.Rate) invoq.Plan {
	d.t.Helper()
	p, err := d.db.CreatePlan(d.t.Context(), everyone, invoq.Plan{Name: name, Currency: "USD", Rates: rates}, "test")
	d.must(err)
	return p
}

// tag gives every service these tags.
func (d *desk) tag(tags string) {
	d.t.Helper()
	_, err := d.connect().Exec(d.t.Context(), `UPDATE services SET tags = $1`, tags)
	d.must(err)
}

// What windows are not sure of is in the book with their usage, so that the bill
// says it; what becomes certain later is taken back.
func TestDoubtsAreInTheBook(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	count := func(invocations int64, gap string) {
		start := time.Date(2026, time.March, 5, 9, 0, 0, 0, time.UTC)
		in := invoq.Interval{Start: start, End: start.Add(5 * time.Minute)}
		d.must(d.db.StoreWindows(t.Context(), postgres.Windows{
			Interval: in, Tenants: []invoq.TenantName{"acme"},
			Watched: map[invoq.TenantName]time.Time{"acme": start},
			Rows: []invoq.Usage{{
				Interval: in, Tenant: "acme", Service: "waiter", Revision: "waiter-00001",
				Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(invocations, 0)},
				GapSeconds: invoq.MustDecimal(gap),
			}},
		}))
		d.must(d.db.AggregatedUntil(t.Context(), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))
		booktest.Post(t, d.db)
	}
	for _, f := range []struct {
		invocations int64
		gap, want   string
	}{{300, "90", "90 pod-seconds"}, {300, "30.5", "30.5 pod-seconds"}, {0, "12", "12 pod-seconds"}, {7, "0", ""}} {
		count(f.invocations, f.gap)
		got := strings.Join(d.draft("acme", time.March).Warnings, "; ")
		if (f.want == "") != (got == "") || !strings.HasPrefix(got, f.want) {
			t.Errorf("%d invocations with a gap of %s: the bill warns %q", f.invocations, f.gap, got)
		}
	}
}

// A price that changes within an hour is right for each side of it: usage is
// told apart there before it is posted.
func TestPricesChangeWithinHours(t *testing.T) {
	d := openDesk(t)
	acme := d.tenant("acme", "UTC")
	clock := d.newPlanOf("by the clock", []invoq.Rate{{
		Meter: invoq.Invocations, Kind: invoq.RateTimeOfDay, Price: invoq.MustDecimal("1"),
		Windows: []invoq.PriceWindow{{Name: "late", From: "09:35", To: "24:00", Price: invoq.MustDecimal("3")}},
	}})
	_, err := d.db.AssignPlan(t.Context(), everyone, invoq.PlanAssignment{
		TenantID: acme.ID, EffectiveFrom: "2026-01-01", PlanID: clock.ID, Reason: "test",
	})
	d.must(err)
	d.use("acme", "2026-03-10T09:30:00Z", 10)
	d.use("acme", "2026-03-10T09:35:00Z", 10)
	wantLines(t, d.issue("acme", time.March), "2026-03 invocations 20 − 0 = 40", "total 40")
}
