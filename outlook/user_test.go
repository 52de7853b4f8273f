package outlook_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/ledger"
	"invoq/outlook"
)

// tokenRater bills tokens at 0.002 USD and nothing else.
type tokenRater struct{}

func (tokenRater) Rate(
	_ context.Context, _ int64, entries []ledger.Entry, _ map[invoq.TenantID]invoq.TenantName,
) error {
	for i := range entries {
		e := &entries[i]
		e.Currency = "USD"
		if e.Meter == invoq.AITokens {
			e.Priced, e.BilledCost = true, invoq.MustDecimal("0.002").Mul(e.Quantity)
		}
	}
	return nil
}

func (tokenRater) Posted(int64) {}

// post appends what users did in each hour of an interval to a book: one event
// each, of tokens and of requests.
func (w *watch) post(from, until time.Time, tokens func(user string, hour time.Time) int64, users ...string) {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	book, err := ledger.Open(w.t.Context(), ledger.Config{
		Store: w.db, Rater: tokenRater{}, Folder: ledger.Folder(w.t.TempDir()), Name: "test/ledger",
		Log: log, Now: time.Now,
	})
	w.must(err)
	defer func() { w.must(book.Close(context.WithoutCancel(w.t.Context()))) }()
	var events []invoq.Event
	for at := from; at.Before(until); at = at.Add(time.Hour) {
		for _, user := range users {
			events = append(events, invoq.Event{
				Tenant: w.tenant.Name, RequestID: fmt.Sprint(user, at.Unix()), User: user,
				Provider: "openai", Service: "chat", Time: at, ReceivedAt: at,
				Measures: []invoq.Measure{
					{Meter: invoq.AITokens, Quantity: invoq.NewDecimal(tokens(user, at), 0)},
					{Meter: invoq.APIRequest, Quantity: invoq.NewDecimal(2, 0)},
				},
			})
		}
	}
	_, err = book.Post(w.t.Context(), events)
	w.must(err)
}

func (w *watch) predictUser(horizon, name string) (*outlook.Prediction, error) {
	w.t.Helper()
	h, err := outlook.ParseHorizon(horizon)
	w.must(err)
	u, err := w.db.FindUser(w.t.Context(), invoq.Only(w.tenant.ID), w.tenant.ID, name)
	if err != nil {
		return nil, err
	}
	return w.outlooks.PredictUser(w.t.Context(), outlook.Request{Tenant: w.tenant, Horizon: h, Now: now}, u)
}

// A user's day is that user's alone: what was used of each meter, and what the
// entries bill for it.
func TestPredictUser(t *testing.T) {
	w := openWatch(t)
	w.post(now.AddDate(0, 0, -14), now, func(user string, at time.Time) int64 {
		if user == "ada" {
			return 1000
		}
		return int64(5000 + 3000*math.Sin(2*math.Pi*float64(at.Hour())/24))
	}, "ada", "bob")
	w.counted(now)
	p, err := w.predictUser("1d", "ada")
	w.must(err)
	// 24 hours of 1000 tokens at 0.002, all hours alike.
	want := outlook.Amounts{Expected: invoq.MustDecimal("48.00")}
	want.Lo80, want.Hi80, want.Lo95, want.Hi95 = want.Expected, want.Expected, want.Expected, want.Expected
	if diff := cmp.Diff(want, p.Cost); diff != "" || p.Currency != "USD" || p.Month != nil {
		t.Errorf("cost in %s (-want +got):\n%s", p.Currency, diff)
	}
	got := map[invoq.Meter]float64{}
	for _, c := range p.Components {
		got[c.Meter] = c.Mean
		if c.Priced != (c.Meter == invoq.AITokens) {
			t.Errorf("%s is priced: %v", c.Meter, c.Priced)
		}
	}
	if diff := cmp.Diff(map[invoq.Meter]float64{invoq.AITokens: 24000, invoq.APIRequest: 48}, got); diff != "" {
		t.Errorf("meters (-want +got):\n%s", diff)
	}
	b, err := w.predictUser("1w", "bob")
	w.must(err)
	// 168 hours around 5000 tokens: 1680 USD, the wave cancels out.
	if cost := b.Cost.Expected.Float(); math.Abs(cost-1680) > 5 || b.User.Name != "bob" {
		t.Errorf("bob's week costs %g: %+v", cost, b.Cost)
	}
	if _, err := w.predictUser("1d", "eve"); invoq.KindOf(err) != invoq.KindNotFound {
		t.Errorf("nobody: %v", err)
	}
	other := invoq.Only(w.newTenant("zeta").ID)
	if _, err := w.db.FindUser(t.Context(), other, w.tenant.ID, "ada"); invoq.KindOf(err) != invoq.KindNotFound {
		t.Errorf("another tenant's user: %v", err)
	}
	h, err := outlook.ParseHorizon("1d")
	w.must(err)
	_, err = w.outlooks.PredictUser(t.Context(), outlook.Request{
		Tenant: w.tenant, Horizon: h, Now: now, Budget: invoq.NewDecimal(1, 0),
	}, b.User)
	if invoq.KindOf(err) != invoq.KindUnprocessable {
		t.Errorf("a user's budget: %v", err)
	}
}
