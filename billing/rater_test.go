package billing_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"invoq"
	"invoq/billing"
	"invoq/internal/pgtest"
	"invoq/ledger"
	"invoq/postgres"
	"invoq/pricing"
	"invoq/pricing/catalogue"
)

// till is a desk with a book whose entries are rated.
type till struct {
	*desk
	costs  *billing.Costs
	rater  *billing.Rater
	book   *ledger.Book
	folder ledger.Folder
	clock  time.Time // of catalogue and plans: a posting later, all are asked for again
	fails  bool      // the next posting is undone
	n      int
}

// openTill opens a book in a database without plans.
func openTill(t testing.TB) *till {
	t.Helper()
	d := &desk{t: t, url: pgtest.URL(t)}
	d.db = openFrom(t, d.url)
	d.biller = billing.New(d.db)
	d.office = billing.NewOffice(d.db, 2*time.Hour, time.Now)
	k := &till{desk: d, folder: ledger.Folder(t.TempDir()), clock: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	k.costs = billing.NewCosts(d.db, k.now)
	k.book, k.rater = k.open()
	return k
}

func (k *till) now() time.Time {
	k.clock = k.clock.Add(time.Second)
	return k.clock
}

// open opens the book once more, as another server would.
func (k *till) open() (*ledger.Book, *billing.Rater) {
	k.t.Helper()
	rater := billing.NewRater(k.db, k.costs, k.now)
	book, err := ledger.Open(k.t.Context(), ledger.Config{
		Store: failing{k.db, k}, Rater: rater, Folder: k.folder, Name: "test/ledger", Log: quiet, Now: time.Now,
	})
	k.must(err)
	k.t.Cleanup(func() {
		if err := book.Close(context.Background()); err != nil {
			k.t.Error(err)
		}
	})
	return book, rater
}

// failing is a store whose postings can be made to fail after they were rated.
type failing struct {
	*postgres.DB
	till *till
}

var errPower = errors.New("the power went")

func (f failing) Post(ctx context.Context, p ledger.Posting) error {
	build := p.Build
	p.Build = func(
		tail ledger.Tail, known map[ledger.KeyID]ledger.ContentID,
	) (ledger.Batch, []ledger.Refusal, error) {
		batch, refused, err := build(tail, known)
		if f.till.fails {
			f.till.fails = false
			return batch, refused, errPower
		}
		return batch, refused, err
	}
	return f.DB.Post(ctx, p)
}

// event returns usage of a tenant under a request id of its own.
func (k *till) event(tenant string, m invoq.Meter, service, quantity string, at time.Time) invoq.Event {
	k.n++
	return invoq.Event{
		Tenant: invoq.TenantName(tenant), RequestID: fmt.Sprintf("r%d", k.n), User: "ann", Provider: "openai",
		Service: service, Time: at, ReceivedAt: at,
		Measures: []invoq.Measure{{Meter: m, Quantity: invoq.MustDecimal(quantity)}},
	}
}

func (k *till) post(events ...invoq.Event) {
	k.t.Helper()
	_, err := k.book.Post(k.t.Context(), events)
	k.must(err)
}

// entries returns the entries from a position on.
func (k *till) entries(from int64) []ledger.Entry {
	k.t.Helper()
	all, err := k.db.Entries(k.t.Context(), everyone, from, 1<<40)
	k.must(err)
	return all
}

// wantCharges fails unless the entries from a position on are charged so.
func (k *till) wantCharges(from int64, want ...string) {
	k.t.Helper()
	var got []string
	for _, e := range k.entries(from) {
		text := fmt.Sprintf("%s %s:", e.Meter, e.Quantity)
		if e.Costed {
			text += fmt.Sprintf(" cost %s %s", e.RealCost, e.Currency)
		}
		if e.Priced {
			text += fmt.Sprintf(" billed %s %s %s", e.BilledCost, e.BilledIn(), e.Model)
		}
		got = append(got, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		k.t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func (k *till) newPlanOf(currency invoq.Currency, rates ...invoq.Rate) invoq.Plan {
	k.t.Helper()
	p, err := k.db.CreatePlan(k.t.Context(), everyone, invoq.Plan{
		Name: "plan in " + string(currency), Currency: currency, Active: true, Rates: rates,
	}, "test")
	k.must(err)
	return p
}

func (k *till) tenantIn(name, zone string, currency invoq.Currency) invoq.Tenant {
	k.t.Helper()
	t, err := k.db.CreateTenant(k.t.Context(), everyone, invoq.Tenant{
		Name: invoq.TenantName(name), Currency: currency, Timezone: zone,
	})
	k.must(err)
	return t
}

// catalogue stores a catalogue in USD: tokens cost a cent and are billed two,
// requests cost a tenth of that and have no price.
func (k *till) catalogue() {
	k.t.Helper()
	d := invoq.MustDecimal
	_, err := k.costs.Import(k.t.Context(), "USD", []catalogue.Item{
		{Meter: invoq.AITokens, Cost: d("0.01"), Model: invoq.RateMarkup, Factor: d("2")},
		{Meter: invoq.APIRequest, Cost: d("0.001")},
	}, "test")
	k.must(err)
}

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// What a rate of the plan covers is billed by it, what none covers by the
// catalogue, and what neither knows is unpriced.
func TestEntriesAreBilledByThePlan(t *testing.T) {
	k := openTill(t)
	d := invoq.MustDecimal
	k.catalogue()
	k.tenantIn("acme", "Europe/Berlin", "USD")
	k.newPlanOf("USD",
		invoq.Rate{Meter: invoq.Invocations, Price: d("0.5"), FreePerMonth: d("100")},
		invoq.Rate{Name: "chat", Meter: invoq.AITokens, Kind: invoq.RateMarkup, Factor: d("3"),
			Where: invoq.Selector{Services: []string{"chat"}}},
		invoq.Rate{Meter: invoq.StorageMB, Kind: invoq.RateMarkup, Factor: d("3")},
	)
	k.post(
		k.event("acme", invoq.Invocations, "waiter", "90", noon),
		k.event("acme", invoq.Invocations, "waiter", "20", noon.Add(time.Hour)),
		k.event("acme", invoq.AITokens, "chat", "1", noon),
		k.event("acme", invoq.AITokens, "draw", "1", noon),
		k.event("acme", invoq.StorageMB, "disk", "1", noon),
		k.event("acme", invoq.APIRequest, "api", "1", noon),
		k.event("acme", invoq.PaymentTx, "pay", "1", noon),
	)
	k.wantCharges(0,
		"invocations 90: billed 0 USD PLAN",
		"invocations 20: billed 5 USD PLAN",
		"AI_TOKENS 1: cost 0.01 USD billed 0.03 USD PLAN",
		"AI_TOKENS 1: cost 0.01 USD billed 0.02 USD MARKUP",
		"STORAGE_MB 1:",
		"API_REQUEST 1: cost 0.001 USD",
		"PAYMENT_TX 1:",
	)
	// A correction takes back what its entry added; another month has free units
	// of its own. In Berlin March ends at ten in the evening.
	back := k.event("acme", invoq.Invocations, "waiter", "-20", noon.Add(time.Hour))
	back.Corrects = "r2"
	k.post(back)
	k.post(
		k.event("acme", invoq.Invocations, "waiter", "20", time.Date(2026, 3, 31, 21, 59, 0, 0, time.UTC)),
		k.event("acme", invoq.Invocations, "waiter", "20", time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC)),
	)
	k.wantCharges(7,
		"invocations -20: billed -5 USD PLAN",
		"invocations 20: billed 5 USD PLAN",
		"invocations 20: billed 0 USD PLAN",
	)
}

// A tenant whose plans have a problem is billed by the catalogue alone, and
// others in the same posting by their plans. A plan in another currency than
// the costs is told from them, and a price that is made of such costs is not.
func TestPlansOfOthers(t *testing.T) {
	k := openTill(t)
	d := invoq.MustDecimal
	k.catalogue()
	k.newPlanOf("RUB",
		invoq.Rate{Meter: invoq.Invocations, Price: d("2")},
		invoq.Rate{Name: "chat", Meter: invoq.AITokens, Price: d("5"),
			Where: invoq.Selector{Services: []string{"chat"}}},
		invoq.Rate{Meter: invoq.AITokens, Kind: invoq.RateMarkup, Factor: d("3")},
	)
	k.tenantIn("acme", "UTC", "USD")
	k.tenantIn("volga", "UTC", "RUB")
	lost := k.tenantIn("lost", "UTC", "RUB")
	_, err := k.connect().Exec(t.Context(),
		`UPDATE tenants SET timezone = 'Nowhere/None' WHERE id = $1`, lost.ID)
	k.must(err)
	for range 2 {
		from := k.book.Size()
		var events []invoq.Event
		for _, tenant := range []string{"lost", "acme", "volga"} {
			events = append(events, k.event(tenant, invoq.Invocations, "waiter", "1", noon),
				k.event(tenant, invoq.AITokens, "chat", "1", noon))
		}
		k.post(append(events, k.event("volga", invoq.AITokens, "draw", "1", noon))...)
		k.wantCharges(from,
			"invocations 1:", "AI_TOKENS 1: cost 0.01 USD billed 0.02 USD MARKUP",
			"invocations 1:", "AI_TOKENS 1: cost 0.01 USD billed 0.02 USD MARKUP",
			"invocations 1: billed 2 RUB PLAN", "AI_TOKENS 1: cost 0.01 USD billed 5 RUB PLAN",
			"AI_TOKENS 1: cost 0.01 USD",
		)
	}
	verifier, err := k.folder.Verifier()
	k.must(err)
	v := ledger.Verification{Source: k.db, Verifier: verifier, Notes: k.folder.SignedNotes}
	if report, err := v.Run(t.Context()); err != nil || !report.OK() || report.Entries != 14 {
		t.Errorf("verified: %+v %v", report, err)
	}
	margins, err := k.db.Margins(t.Context(), everyone, ledger.MarginQuery{
		By: ledger.ByTenant, Interval: month(time.March), Limit: 100,
	})
	k.must(err)
	totals := map[invoq.Currency]string{}
	for _, m := range margins {
		if m.Total {
			totals[m.Currency] = fmt.Sprint(m.RealCost, " → ", m.BilledCost)
		}
	}
	want := map[invoq.Currency]string{"USD": "0.08 → 0.08", "RUB": "0 → 14"}
	if diff := cmp.Diff(want, totals); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	k.wantSeries()
}

// wantSeries fails unless the series of costs, and those of the user of volga,
// hold each amount in the currency it is in.
func (k *till) wantSeries() {
	k.t.Helper()
	in := month(time.March)
	hours, err := k.db.CostHours(k.t.Context(), everyone, in, 100)
	k.must(err)
	real, billed := map[string]float64{}, map[string]float64{}
	for _, h := range hours {
		real[h.Currency] += h.Real
		billed[h.Currency] += h.Billed
	}
	wantNear(k.t, "real", real, map[string]float64{"USD": 0.08, "RUB": 0})
	wantNear(k.t, "billed", billed, map[string]float64{"USD": 0.08, "RUB": 14})
	volga, err := k.db.FindTenant(k.t.Context(), everyone, "volga")
	k.must(err)
	user, err := k.db.FindUser(k.t.Context(), everyone, volga.ID, "ann")
	k.must(err)
	points, err := k.db.UserSeries(k.t.Context(), everyone, postgres.UserFilter{
		Tenant: volga.ID, User: user.ID, Interval: in, Step: time.Hour,
	})
	k.must(err)
	billed = map[string]float64{}
	for _, p := range points {
		billed[string(p.Currency)] += p.Billed
	}
	wantNear(k.t, "billed to the user", billed, map[string]float64{"USD": 0, "RUB": 14})
}

func wantNear(t testing.TB, what string, got, want map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// tried are rates of every kind whose price depends on what was used before.
func tried() []invoq.Rate {
	d := invoq.MustDecimal
	return []invoq.Rate{
		{Name: "spot", Meter: invoq.Invocations, Price: d("0.3"), FreePerMonth: d("50"), FreePool: "f",
			SpotOff: d("0.6"), Where: invoq.Selector{Tags: map[string]string{"spot": "true"}}},
		{Meter: invoq.Invocations, Price: d("0.7"), FreePerMonth: d("50"), FreePool: "f",
			Discounts: []invoq.Discount{{Above: d("100"), Off: d("0.1")}}},
		{Meter: invoq.MBMs, Kind: invoq.RateGraduated,
			Tiers: []invoq.Tier{{UpTo: d("100"), Price: d("0.03")}, {From: d("100"), Price: d("0.01")}}},
		{Meter: invoq.CPUMs, Kind: invoq.RateVolume,
			Tiers: []invoq.Tier{{UpTo: d("150"), Price: d("0.3")}, {From: d("150"), Price: d("0.1")}}},
		{Meter: invoq.ColdStarts, Kind: invoq.RateTimeOfDay, Price: d("0.2"), FreePerMonth: d("20"),
			Windows: []invoq.PriceWindow{{Name: "night", From: "22:00", To: "06:00", Price: d("0.1")}}},
		{Meter: invoq.APIRequest, Kind: invoq.RatePackage, Price: d("5"), Per: d("70")},
		{Meter: invoq.AITokens, Kind: invoq.RateMarkup, Factor: d("1.5")},
		{Meter: invoq.PaymentTx, Kind: invoq.RateReserved, Committed: d("80"), Price: d("1"), Overage: d("1.5")},
	}
}

// The entries of a month add up to what its usage comes to, however they came:
// in whatever order and postings, with postings that failed in between, with
// another server that appended as well, with months that had been forgotten,
// and with prices that changed within the month.
func TestEntriesAddUp(t *testing.T) {
	k := openTill(t)
	k.catalogue()
	k.rater.KeepMonths(2)
	first := k.newPlanOf("USD", tried()...)
	later := tried()
	later[1].Price, later[2].Tiers[0].Price = invoq.MustDecimal("0.9"), invoq.MustDecimal("0.06")
	later = slices.DeleteFunc(later, func(r invoq.Rate) bool { return r.Meter == invoq.APIRequest })
	second, err := k.db.ChangePlan(t.Context(), everyone, first.ID, "test", func(p *invoq.Plan) error {
		p.Rates, p.EffectiveFrom = later, "2026-03-13"
		return nil
	})
	k.must(err)
	other, _ := k.open()
	random := rand.New(rand.NewPCG(1, 2))
	tenants := []invoq.Tenant{
		k.tenantIn("a", "UTC", "USD"), k.tenantIn("b", "Asia/Kathmandu", "USD"),
		k.tenantIn("c", "America/Havana", "USD"),
	}
	for _, tenant := range tenants {
		_, err := k.db.PutService(t.Context(), everyone, invoq.Service{
			TenantID: tenant.ID, Name: "render", Tags: map[string]string{"spot": "true"},
		})
		k.must(err)
	}
	meters := append(invoq.Meters(), invoq.ResourceMeters()...)
	for range 60 {
		var events []invoq.Event
		for range 1 + random.IntN(20) {
			at := time.Date(2026, 2, 25, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.IntN(40*24*60)) * time.Minute)
			events = append(events, k.event(string(tenants[random.IntN(3)].Name), meters[random.IntN(len(meters))],
				[]string{"render", "web"}[random.IntN(2)], fmt.Sprint(random.IntN(20)), at))
		}
		book := k.book
		if random.IntN(4) == 0 {
			book = other
		}
		if k.fails = random.IntN(4) == 0; k.fails {
			if _, err := book.Post(t.Context(), events); !errors.Is(err, errPower) {
				t.Fatalf("the posting that fails: %v", err)
			}
		}
		_, err := book.Post(t.Context(), events)
		k.must(err)
	}
	for _, tenant := range tenants {
		k.wantSum(tenant, first, second)
	}
}

// wantSum fails unless the tenant's entries of each month are billed by the plan
// what their usage comes to, by the second of its versions from the 13th of
// March on.
func (k *till) wantSum(tenant invoq.Tenant, first, second invoq.Plan) {
	k.t.Helper()
	zone, err := tenant.Location()
	k.must(err)
	got := map[time.Time]invoq.Decimal{}
	for _, e := range k.entries(0) {
		if e.TenantID == tenant.ID && e.Model == ledger.ModelPlan {
			start := pricing.MonthOf(e.EventTime, zone).Start
			got[start] = got[start].Add(e.BilledCost)
		}
	}
	feb, before := pricing.NewMonth(2026, time.February, zone), pricing.NewMonth(2026, time.March, zone)
	after, april := before, pricing.NewMonth(2026, time.April, zone)
	before.End = pricing.FirstInstant(time.Date(2026, 3, 13, 0, 0, 0, 0, time.UTC), zone)
	after.Start = before.End
	want := map[time.Time]invoq.Decimal{
		feb.Start:    k.openCharge(tenant, first, feb),
		before.Start: k.openCharge(tenant, first, before).Add(k.openCharge(tenant, second, after)),
		april.Start:  k.openCharge(tenant, second, april),
	}
	for start, want := range want {
		if !got[start].Equal(want) || want.IsZero() {
			k.t.Errorf("entries of %s from %s on are billed %s, their usage comes to %s",
				tenant.Name, start, got[start], want)
		}
	}
}

// openCharge prices the tenant's entries of a period by a plan, beside what
// only the end of a month decides.
func (k *till) openCharge(tenant invoq.Tenant, plan invoq.Plan, period pricing.Period) invoq.Decimal {
	k.t.Helper()
	var items []pricing.Item
	for _, e := range k.entries(0) {
		if e.TenantID != tenant.ID || e.EventTime.Before(period.UsageFrom()) || !e.EventTime.Before(period.End) {
			continue
		}
		item := pricing.Item{
			Interval: invoq.Interval{Start: e.EventTime}, Meter: e.Meter, Quantity: e.Quantity,
			Source: &pricing.Source{Service: e.Service},
		}
		if e.Service == "render" {
			item.Source.Tags = map[string]string{"spot": "true"}
		}
		if e.Costed {
			item.Cost = &e.RealCost
		}
		items = append(items, item)
	}
	st, err := pricing.Price(plan, period, items)
	k.must(err)
	var sum invoq.Decimal
	for _, l := range st.Lines {
		if !slices.Contains([]invoq.LineKind{invoq.LineFee, invoq.LineMinimum, invoq.LineUnused}, l.Kind) {
			sum = sum.Add(l.Exact)
		}
	}
	return sum
}
