package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"invoq"
	"invoq/access"
	"invoq/outlook"
	"invoq/postgres"
)

// hourly stores ten invocations in each hour of two weeks until an instant.
func (r *running) hourly(tenant invoq.TenantName, until time.Time) {
	r.t.Helper()
	all := postgres.Windows{
		Interval: invoq.Interval{Start: until.AddDate(0, 0, -14), End: until}, Tenants: []invoq.TenantName{tenant},
	}
	for at := all.Interval.Start; at.Before(until); at = at.Add(time.Hour) {
		all.Rows = append(all.Rows, invoq.Usage{
			Interval: invoq.Interval{Start: at, End: at.Add(5 * time.Minute)}, Tenant: tenant,
			Service: "waiter", Revision: "waiter-00001",
			Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(10, 0)},
		})
	}
	if err := r.server.DB.StoreWindows(r.t.Context(), all); err != nil {
		r.t.Fatal(err)
	}
	// A run at that instant also counts the window it is in.
	if err := r.server.DB.AggregatedUntil(r.t.Context(), until.Add(5*time.Minute)); err != nil {
		r.t.Fatal(err)
	}
}

// A steady tenant's day and month, by the endpoints, and nobody else's.
func TestPredictOverHTTP(t *testing.T) {
	r := serve(t)
	acme, keys := r.tenant("acme")
	_, others := r.tenant("zeta")
	until := time.Now().UTC().Truncate(time.Hour)
	r.hourly("acme", until)
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans",
		`{"name": "standard", "currency": "USD", "price_per_invocation": "0.01"}`), &Plan{})
	predict := func(key, rest string) said {
		return r.json(key, http.MethodPost, "/api/v1/ml/predict", `{"tenant_id": "acme", `+rest+`}`)
	}
	var p Prediction
	r.decode(predict(keys[access.Viewer], `"period": "1d", "budget": "1000"`), &p)
	// 24 hours of 10 calls at 0.01 USD; a steady past has no spread.
	if p.ForecastedCost.Expected.String() != "2.4" || p.ForecastedCost.Hi95.String() != "2.4" ||
		!p.PeriodStart.Equal(until) || p.Currency != "USD" || p.Components[0].Expected != 240 {
		t.Errorf("a day: %+v", p)
	}
	if p.Confidence.Value != nil || !strings.HasPrefix(p.Confidence.Meaning, "unknown") {
		t.Errorf("confidence without a record: %+v", p.Confidence)
	}
	more := invoq.NewDecimal(int64(p.Month.PeriodEnd.Sub(until)/time.Hour), -1)
	if got := p.Month.Cost.Expected.Sub(p.Month.SoFar); !got.Equal(more) || p.Month.Budget.Probability != 0 {
		t.Errorf("the month costs %s more, want %s: %+v", got, more, p.Month)
	}
	r.decode(predict(keys[access.Tenant], `"period": "1h", "service_id": "waiter"`), &p)
	if deref(p.ServiceID) == "" {
		t.Errorf("a service: %+v", p)
	}
	if a := predict(keys[access.Viewer], `"period": "1d"`); !strings.Contains(a.body, `"value":null`) {
		t.Errorf("an unknown confidence is not null: %s", a.body)
	}
	refuse := func(want int, a said) {
		t.Helper()
		if a.status != want {
			t.Errorf("got %d, want %d: %s", a.status, want, a.body)
		}
	}
	accuracy := "/api/v1/ml/accuracy?tenant_id="
	refuse(404, predict(others[access.Tenant], `"period": "1d"`))
	refuse(404, predict(r.owner, `"period": "1d", "service_id": "nobody"`))
	refuse(404, r.ask(others[access.Viewer], http.MethodGet, accuracy+"acme", nil))
	refuse(404, r.ask(others[access.Viewer], http.MethodGet, accuracy+string(acme.ID), nil))
	refuse(403, predict(keys[access.Ingest], `"period": "1d"`))
	refuse(422, predict(r.owner, `"period": "1d", "budget": "-1"`))
	refuse(422, predict(r.owner, `"period": "1d", "service_id": "waiter", "budget": "1"`))
	refuse(404, predict(r.owner, `"period": "1d", "user_id": "nobody"`))
	refuse(422, predict(r.owner, `"period": "1d", "user_id": ""`))
	if a := predict(r.owner, `"period": "2d"`); a.status != 400 && a.status != 422 {
		t.Errorf("2d: %d %s", a.status, a.body)
	}

	cfg := outlook.DefaultKeeperConfig()
	cfg.Grace = 0
	keeper, err := outlook.NewKeeper(r.server.Outlooks, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := keeper.Run(t.Context(), until); err != nil {
			t.Fatal(err)
		}
	}
	var report AccuracyReport
	r.decode(r.ask(keys[access.Viewer], http.MethodGet, accuracy+"acme", nil), &report)
	got := ""
	for _, h := range report.Horizons {
		got += fmt.Sprintf("%s %d %d; ", h.Period, h.Predictions, h.Measured)
	}
	want := "1h 1 0; 1d 1 0; 1w 1 0; 30d 1 0; "
	if got != want {
		t.Errorf("record %q, want %q", got, want)
	}
	var one AccuracyReport
	r.decode(r.ask(keys[access.Viewer], http.MethodGet, accuracy+"acme&service_id=waiter", nil), &one)
	if deref(one.ServiceID) != deref(p.ServiceID) || len(one.Horizons) != 4 || one.Horizons[0].Predictions != 1 {
		t.Errorf("record of a service: %+v", one)
	}
	refuse(404, r.ask(keys[access.Viewer], http.MethodGet, accuracy+"acme&service_id=nobody", nil))
	refuse(404, r.ask(others[access.Viewer], http.MethodGet, accuracy+"acme&service_id=waiter", nil))
}
