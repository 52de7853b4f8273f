package outlook_test

import (
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/outlook"
	"invoq/postgres"
)

const grace = time.Hour

func (w *watch) keep(slot time.Time) outlook.Kept {
	w.t.Helper()
	done, err := w.keeper(0).Run(w.t.Context(), slot)
	w.must(err)
	return done
}

// keeper is one that keeps so many services by themselves.
func (w *watch) keeper(services int) *outlook.Keeper {
	w.t.Helper()
	cfg := outlook.DefaultKeeperConfig()
	cfg.Grace, cfg.Services = grace, services
	k, err := outlook.NewKeeper(w.outlooks, cfg, slog.New(slog.DiscardHandler))
	w.must(err)
	return k
}

func (w *watch) stored() []postgres.Prediction {
	w.t.Helper()
	all, err := w.db.ListPredictions(w.t.Context(), invoq.Only(w.tenant.ID), w.tenant.ID, time.Time{},
		invoq.Page{Limit: invoq.MaxPageSize})
	w.must(err)
	return all
}

// A slot stores one prediction of each horizon, however often it is run; tenants
// without usage are passed over.
func TestKeeperIsIdempotent(t *testing.T) {
	w := openWatch(t, linear...)
	w.newTenant("idle")
	w.use(now.AddDate(0, 0, -14), now, daily)
	if diff := cmp.Diff(outlook.Kept{Stored: 4, Passed: 1}, w.keep(now)); diff != "" {
		t.Errorf("first run (-want +got):\n%s", diff)
	}
	first := w.stored()
	if diff := cmp.Diff(outlook.Kept{Passed: 1}, w.keep(now)); diff != "" {
		t.Errorf("second run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(first, w.stored()); diff != "" || len(first) != 4 {
		t.Errorf("%d predictions changed (-first +second):\n%s", len(first), diff)
	}
	again := first[0]
	again.Cost.Mean = invoq.NewDecimal(1, 0)
	if is, err := w.db.PutPrediction(t.Context(), invoq.Only(w.tenant.ID), again); is || err != nil {
		t.Errorf("stored twice: %v, %v", is, err)
	}
	if got := w.keep(now.Add(time.Hour)).Stored; got != 4 {
		t.Errorf("the next slot stored %d", got)
	}
	other, err := w.db.ListPredictions(t.Context(), invoq.Only(w.newTenant("zeta").ID), w.tenant.ID, time.Time{},
		invoq.Page{Limit: 10})
	if len(other) != 0 || err != nil {
		t.Errorf("another tenant sees %d predictions, %v", len(other), err)
	}
}

// What came is filled in once the period is closed, not a minute before, and the
// record says how often the bounds held.
func TestAccuracyAfterActuals(t *testing.T) {
	w := openWatch(t, linear...)
	w.use(now.AddDate(0, 0, -14), now, daily)
	w.keep(now)
	hour := now.Add(time.Hour)
	w.use(now, hour, daily)
	if got := w.keep(hour).Measured; got != 0 {
		t.Errorf("measured %d within the grace", got)
	}
	w.use(hour, hour.Add(grace), daily)
	if got := w.keep(hour.Add(grace)).Measured; got != 1 {
		t.Errorf("measured %d, want the hour that is closed", got)
	}
	for _, p := range w.stored() {
		over := p.Horizon() == time.Hour && p.MadeAt.Equal(now)
		if over != (p.Actual != nil) {
			t.Errorf("prediction over %s of %s: actual %+v", p.Horizon(), p.MadeAt, p.Actual)
		}
		if over {
			calls := daily(now)["waiter"]
			cost := invoq.MustDecimal("0.02").Mul(invoq.NewDecimal(calls, 0))
			if p.Actual.Invocations != float64(calls) || !p.Actual.Cost.Equal(cost) {
				t.Errorf("actual %+v, want %d calls for %s", p.Actual, calls, cost)
			}
		}
	}
	if got := w.keep(hour.Add(grace)).Measured; got != 0 {
		t.Errorf("measured %d again", got)
	}
}

// put stores a measured prediction over an hour.
func (w *watch) put(made time.Time, predicted, actual float64) {
	w.t.Helper()
	amount := func(v float64) invoq.Decimal { return invoq.NewDecimal(int64(v), 0) }
	_, err := w.db.PutPrediction(w.t.Context(), invoq.Only(w.tenant.ID), postgres.Prediction{
		Tenant: w.tenant.ID, Period: invoq.Interval{Start: made, End: made.Add(time.Hour)}, MadeAt: made,
		ModelVersion: outlook.ModelVersion, Scale: 50, Currency: "USD",
		Invocations: postgres.Bounds[float64]{
			Mean: predicted, Lo80: predicted - 10, Hi80: predicted + 10, Lo95: predicted - 20, Hi95: predicted + 20,
		},
		Cost: postgres.Bounds[invoq.Decimal]{
			Mean: amount(predicted), Lo80: amount(predicted - 10), Hi80: amount(predicted + 10),
			Lo95: amount(predicted - 20), Hi95: amount(predicted + 20),
		},
	})
	w.must(err)
	for _, p := range w.stored() {
		if p.MadeAt.Equal(made) {
			w.must(w.db.MeasurePrediction(w.t.Context(), invoq.Only(w.tenant.ID), p.ID, postgres.Actual{
				Invocations: actual, Cost: amount(actual), MeasuredAt: made.Add(2 * time.Hour),
			}))
		}
	}
}

// Figures of the record, worked by hand; confidence is the share of the 80 %
// bounds once 20 predictions say so.
func TestRecord(t *testing.T) {
	w := openWatch(t, linear...)
	w.use(now.AddDate(0, 0, -3), now, daily)
	made := now.Add(-48 * time.Hour)
	for i := range 19 {
		w.put(made.Add(time.Duration(i)*time.Hour), 100, 105)
	}
	if c := w.predict("1h", nil).Confidence; c.Value != nil || c.Measured != 19 || !strings.Contains(c.Meaning, "unknown") {
		t.Errorf("confidence after 19: %+v", c)
	}
	w.put(made.Add(19*time.Hour), 100, 115)
	w.put(made.Add(20*time.Hour), 100, 150)
	w.put(now.AddDate(0, 0, -100), 100, 500) // Too old to count.
	all, err := w.outlooks.Accuracy(t.Context(), invoq.Only(w.tenant.ID), outlook.Request{Tenant: w.tenant, Now: now})
	w.must(err)
	if len(all) != 1 || all[0].Predictions != 21 || all[0].Measured != 21 {
		t.Fatalf("record %+v", all)
	}
	// 21 real values sum to 19 × 105 + 115 + 150 = 2260, the predicted to 2100; the
	// errors are 19 × 5 + 15 + 50 = 160, each by a scale of 50.
	near := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 1e-9 {
			t.Errorf("%s: got %v, want %g", what, got, want)
		}
	}
	for _, h := range []postgres.Hits{all[0].Cost, all[0].Invocations} {
		near("in 80", h.In80, 19./21)
		near("in 95", h.In95, 20./21)
		near("bias", h.Bias, -160./2260)
	}
	near("MASE", all[0].MASE, 160./50/21)
	c := w.predict("1h", nil).Confidence
	near("confidence", c.Value, 19./21)
	if !strings.Contains(c.Meaning, "of 21 past predictions over 1h") || !strings.Contains(c.Meaning, "90 %") {
		t.Errorf("meaning %q", c.Meaning)
	}
	// One of a day is not judged by those of an hour.
	if c := w.predict("1d", nil).Confidence; c.Value != nil || c.Measured != 0 {
		t.Errorf("confidence of a day: %+v", c)
	}
	none, err := w.outlooks.Accuracy(t.Context(), invoq.Only(w.newTenant("zeta").ID), outlook.Request{Tenant: w.tenant, Now: now})
	if len(none) != 0 || err != nil {
		t.Errorf("another tenant sees %+v, %v", none, err)
	}
}

// Within a day a keeper goes on with what it has learned: its forecast an hour
// later is near the one of a full fit, and the same on a steady past.
func TestKeeperRefreshes(t *testing.T) {
	w := openWatch(t, linear...)
	w.use(now.AddDate(0, 0, -28), now, daily)
	keeper := w.keeper(0)
	run := func(slot time.Time) {
		t.Helper()
		if done, err := keeper.Run(t.Context(), slot); err != nil || done.Stored != 4 {
			t.Fatalf("slot %s: %+v, %v", slot, done, err)
		}
	}
	run(now)
	later := now.Add(5 * time.Hour)
	w.use(now, later, daily)
	run(later)
	for _, p := range w.stored() {
		if !p.MadeAt.Equal(later) {
			continue
		}
		h := outlook.NameOf(p.Horizon())
		full := w.predict(h, func(r *outlook.Request) { r.Now = later })
		want := full.Invocations().Mean
		if p.Horizon() > time.Hour && math.Abs(p.Invocations.Mean-want) > 0.05*want {
			t.Errorf("%s: %g calls with the parameters of before, %g anew", h, p.Invocations.Mean, want)
		}
		if !p.Period.Start.Equal(later) {
			t.Errorf("%s begins at %s", h, p.Period.Start)
		}
	}
}

// The busiest services have a record of their own: what each adds, and nothing
// of the others.
func TestServicesAreKept(t *testing.T) {
	w := openWatch(t, linear...)
	calls := func(time.Time) map[string]int64 {
		return map[string]int64{"small": 1, "waiter": 100, "lead": 10}
	}
	w.use(now.AddDate(0, 0, -14), now, calls)
	keeper := w.keeper(2)
	run := func(slot time.Time) outlook.Kept {
		t.Helper()
		done, err := keeper.Run(t.Context(), slot)
		w.must(err)
		return done
	}
	// Four horizons of the tenant, of waiter and of lead.
	if got := run(now).Stored; got != 12 {
		t.Errorf("stored %d, want 12", got)
	}
	if got := run(now).Stored; got != 0 {
		t.Errorf("the same slot stored %d more", got)
	}
	over := now.Add(time.Hour)
	w.use(now, over.Add(grace), calls)
	if got := run(over.Add(grace)).Measured; got != 3 {
		t.Errorf("measured %d, want the hour of the tenant and of two services", got)
	}
	record := func(name string) postgres.Accuracy {
		t.Helper()
		s, err := w.db.FindService(t.Context(), invoq.Only(w.tenant.ID), w.tenant.ID, name)
		w.must(err)
		all, err := w.outlooks.Accuracy(t.Context(), invoq.Only(w.tenant.ID), outlook.Request{Tenant: w.tenant, Service: s, Now: over})
		w.must(err)
		if len(all) == 0 {
			return postgres.Accuracy{}
		}
		return all[0]
	}
	for _, name := range []string{"waiter", "lead"} {
		a := record(name)
		if a.Measured != 1 || *a.Cost.In80 != 1 || *a.Cost.Bias != 0 || *a.Invocations.Bias != 0 {
			t.Errorf("%s: %+v, want one prediction without error", name, a)
		}
	}
	if a := record("small"); a.Predictions != 0 {
		t.Errorf("the third busiest of two: %+v", a)
	}
	for _, p := range w.stored() {
		if p.Actual != nil && p.Service != "" && !p.Actual.Cost.Equal(p.Cost.Mean) {
			t.Errorf("service %s cost %s, expected %s", p.Service, p.Actual.Cost, p.Cost.Mean)
		}
	}
}

// Predictions are removed when they are too old, not an instant before.
func TestPredictionsAreRemoved(t *testing.T) {
	w := openWatch(t, linear...)
	w.use(now.AddDate(0, 0, -14), now, daily)
	w.keep(now)
	kept := outlook.DefaultKeeperConfig().Retention
	if got := w.keep(now.Add(kept)).Removed; got != 0 {
		t.Errorf("removed %d at the end of their time", got)
	}
	if got := w.keep(now.Add(kept + time.Second)).Removed; got != 4 {
		t.Errorf("removed %d, want the four of the slot", got)
	}
}

// Settings that would remove what the record needs are refused.
func TestKeeperConfig(t *testing.T) {
	w := openWatch(t)
	refuse := func(change func(*outlook.KeeperConfig)) {
		t.Helper()
		cfg := outlook.DefaultKeeperConfig()
		change(&cfg)
		_, err := outlook.NewKeeper(w.outlooks, cfg, slog.New(slog.DiscardHandler))
		if invoq.KindOf(err) != invoq.KindUnprocessable {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	refuse(func(c *outlook.KeeperConfig) { c.Retention = outlook.MinRetention - 1 })
	refuse(func(c *outlook.KeeperConfig) { c.Grace = -1 })
	refuse(func(c *outlook.KeeperConfig) { c.Services = -1 })
	refuse(func(c *outlook.KeeperConfig) { c.Services = outlook.MaxKept + 1 })
}
