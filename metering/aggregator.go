package metering

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
	"invoq/postgres"
	"invoq/tsdb"
	"invoq/tsdb/exact"
)

// chunk is how much one computation counts at most, so that catching up after
// weeks takes no more memory than an ordinary run.
const chunk = 2 * time.Hour

// Samples are the raw samples and what is new among them.
type Samples interface {
	exact.Samples
	// TakeChanges returns the oldest new sample of each tenant, milliseconds.
	TakeChanges() map[invoq.TenantName]int64
	// ReturnChanges hands back what could not be used.
	ReturnChanges(map[invoq.TenantName]int64)
	// NewestSample is the time of the newest sample since the start.
	NewestSample() int64
	// Backfills are old samples whose windows have to be counted again, until
	// ForgetBackfills says that they have been.
	Backfills() ([]tsdb.Backfill, error)
	ForgetBackfills(...tsdb.Backfill) error
	// Lateness is how far behind the newest sample one may lie that still
	// comes.
	Lateness() time.Duration
}

// Database stores windows.
type Database interface {
	MeterState(ctx context.Context) (postgres.MeterState, error)
	StoreWindows(ctx context.Context, w postgres.Windows) error
	AggregatedUntil(ctx context.Context, until time.Time) error
}

// Config says how first samples are counted. The zero value is the default.
type Config struct {
	// SkipFirstSight counts nothing for first samples without a known start
	// while their tenant is newly watched.
	SkipFirstSight bool
	// Chosen says which series count a service, where that is not for the
	// profiles to find; nil leaves all to them.
	Chosen func(invoq.ServiceKey) (exact.Source, bool)
}

// Aggregator counts windows. It is safe for concurrent use; runs queue up.
type Aggregator struct {
	cfg      Config
	samples  Samples
	db       Database
	profiles exact.Profiles
	log      *slog.Logger

	mu sync.Mutex // held by the run in progress
	// recovered is set once what a restart has forgotten was counted again.
	recovered bool
	// counted are backfills whose windows are counted; the book may lack them.
	counted []tsdb.Backfill

	heldMu sync.Mutex
	held   map[invoq.TenantName]error // by the last run
	// uncounted are services that were warned of.
	uncounted map[invoq.ServiceKey]exact.Source

	runs, failures *metrics.Counter
	seconds        *metrics.Histogram
	rows           *metrics.Counter
}

// New returns an aggregator that counts in the set.
func New(
	cfg Config, samples Samples, db Database, profiles exact.Profiles, log *slog.Logger, set *metrics.Set,
) *Aggregator {
	a := &Aggregator{
		cfg: cfg, samples: samples, db: db, profiles: profiles, log: log,
		runs:     set.NewCounter("invoq_aggregation_runs_total"),
		failures: set.NewCounter("invoq_aggregation_failures_total"),
		seconds:  set.NewHistogram("invoq_aggregation_duration_seconds"),
		rows:     set.NewCounter("invoq_aggregation_windows_total"),

		uncounted: map[invoq.ServiceKey]exact.Source{},
	}
	set.NewGauge("invoq_aggregation_held_tenants", func() float64 { return float64(a.heldTenants()) })
	return a
}

// Report says what a run did.
type Report struct {
	// Windows is how many five-minute windows were counted.
	Windows int
	// From and Until bound what was counted; equal when nothing was.
	From, Until time.Time
	// Held are tenants whose windows could not be counted or stored, with the
	// reason. The next run tries again; the others are counted meanwhile.
	Held map[invoq.TenantName]error
	// Uncounted are services that have samples, none of which are of their
	// source, with the source that would count them.
	Uncounted map[invoq.ServiceKey]exact.Source
	// Recounted are backfills whose windows were counted again.
	Recounted []tsdb.Backfill
}

// Run counts every window that may have changed since the last run, up to the
// one that contains now or the newest sample. After a failure the next run
// counts what this one left out.
func (a *Aggregator) Run(ctx context.Context, now time.Time) (Report, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	started := time.Now()
	a.runs.Inc()
	changed := a.samples.TakeChanges()
	report, err := a.run(ctx, now, changed)
	if err != nil {
		a.failures.Inc()
		a.samples.ReturnChanges(changed)
		return Report{}, fmt.Errorf("aggregate usage: %w", err)
	}
	a.recovered = true
	a.counted = append(a.counted, report.Recounted...)
	a.tell(report)
	a.seconds.UpdateDuration(started)
	a.rows.Add(report.Windows)
	a.log.Info("aggregated usage", "windows", report.Windows, "from", report.From, "until", report.Until,
		"dur", time.Since(started))
	return report, nil
}

// run counts what plan says, and marks how far everybody has been counted.
func (a *Aggregator) run(
	ctx context.Context, now time.Time, changed map[invoq.TenantName]int64,
) (Report, error) {
	state, err := a.db.MeterState(ctx)
	if err != nil {
		return Report{}, err
	}
	newest := latest(now, time.UnixMilli(a.samples.NewestSample()))
	until := invoq.Window5m.Floor(newest).Add(invoq.Window5m.Duration())
	r := &run{
		now: now, until: until, state: state,
		report: Report{
			From: until, Until: until,
			Held: map[invoq.TenantName]error{}, Uncounted: map[invoq.ServiceKey]exact.Source{},
		},
	}
	for _, j := range a.plan(state, changed, until) {
		if err := a.countOrHold(ctx, r, j); err != nil {
			return Report{}, err
		}
		if j.from.Before(r.report.From) {
			r.report.From = j.from
		}
	}
	pending, err := a.backfills()
	if err != nil {
		return Report{}, err
	}
	if err := a.recount(ctx, r, pending); err != nil {
		return Report{}, err
	}
	mark := until
	if len(r.report.Held) > 0 {
		mark = state.Until // A restart must find what was held.
	}
	if mark.IsZero() {
		return r.report, nil
	}
	return r.report, a.db.AggregatedUntil(ctx, mark)
}

// run is one run of the aggregation in progress.
type run struct {
	now, until time.Time
	state      postgres.MeterState
	report     Report
}

// job is a stretch of time to count for some tenants, or for all.
type job struct {
	from    time.Time
	tenants []invoq.TenantName // nil: all
	watched map[invoq.TenantName]time.Time
}

// meet sees to it that every tenant with windows gets registered, also those
// whose samples came before a restart.
func (j job) meet(rows []invoq.Usage) {
	for _, u := range rows {
		if _, known := j.watched[u.Tenant]; !known {
			j.watched[u.Tenant] = u.Start
		}
	}
}

// plan says what to count. After a start it is everything whose windows may
// still be open, for all tenants; then only what changed, and tenants with the
// same oldest change together, so that one tenant's late samples do not have
// everybody's windows counted again.
func (a *Aggregator) plan(
	state postgres.MeterState,
	changed map[invoq.TenantName]int64,
	until time.Time,
) []job {
	watched := map[invoq.TenantName]time.Time{}
	for tenant, oldest := range changed {
		if _, known := state.Watched[tenant]; !known {
			state.Watched[tenant] = oldest
		}
		watched[tenant] = time.UnixMilli(state.Watched[tenant]).UTC()
	}
	open := time.Time{}
	if !state.Until.IsZero() {
		open = openFrom(state.Until, a.samples.Lateness())
	}
	if !a.recovered {
		from := open
		if oldest, ok := a.samples.MinTime(); ok {
			from = latest(from, slotOf(oldest))
		} else {
			from = until
		}
		return []job{{from: from, watched: watched}}
	}
	bySlot := map[time.Time][]invoq.TenantName{}
	for tenant, oldest := range changed {
		slot := latest(open, slotOf(oldest))
		bySlot[slot] = append(bySlot[slot], tenant)
	}
	var jobs []job
	for slot, tenants := range bySlot {
		slices.Sort(tenants)
		jobs = append(jobs, job{from: slot, tenants: tenants, watched: watched})
	}
	slices.SortFunc(jobs, func(x, y job) int { return x.from.Compare(y.from) })
	return jobs
}

// openFrom returns the start of the oldest window that samples could still fall
// into after a run that counted until then: its newest sample may have lain at
// the start of its last window.
func openFrom(until time.Time, lateness time.Duration) time.Time {
	return invoq.Window5m.Floor(until.Add(-invoq.Window5m.Duration() - lateness))
}

// slotOf returns the start of the five-minute window to which a sample at t
// milliseconds belongs: one at the very end of a window is still its own.
func slotOf(t int64) time.Time {
	return invoq.Window5m.Floor(time.UnixMilli(t - 1))
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.IsZero() || b.After(a) {
		return b
	}
	return a
}

// count counts and stores one job, chunk by chunk.
func (a *Aggregator) count(ctx context.Context, r *run, j job) error {
	sources := map[invoq.ServiceKey]exact.Source{}
	for key, s := range r.state.Sources {
		sources[key] = exact.ParseSource(s)
	}
	for from := j.from; from.Before(r.until); {
		to := from.Add(chunk)
		if to.After(r.until) {
			to = r.until
		}
		interval := invoq.Interval{Start: from, End: to}
		res, err := exact.Compute(ctx, a.samples, a.profiles, exact.Request{
			Interval:       interval,
			Until:          r.now,
			Tenants:        j.tenants,
			Sources:        sources,
			MemoryLimits:   r.state.MemoryLimits,
			Watched:        r.state.Watched,
			SkipFirstSight: a.cfg.SkipFirstSight,
			Chosen:         a.cfg.Chosen,
		})
		if err != nil {
			return err
		}
		named := map[invoq.ServiceKey]string{}
		for key, s := range res.Sources {
			sources[key] = s
			named[key] = s.String()
		}
		j.meet(res.Rows)
		err = a.db.StoreWindows(ctx, postgres.Windows{
			Interval: interval, Tenants: j.tenants, Rows: res.Rows, Sources: named, Watched: j.watched,
		})
		if err != nil {
			return err
		}
		maps.Copy(r.state.Sources, named)
		maps.Copy(r.report.Uncounted, res.Uncounted)
		r.report.Windows += len(res.Rows)
		from = to
	}
	return nil
}
