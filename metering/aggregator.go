package metering

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
	"invoq/postgres"
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

	runs, failures *metrics.Counter
	seconds        *metrics.Histogram
	rows           *metrics.Counter
}

// New returns an aggregator that counts in the set.
func New(
	cfg Config, samples Samples, db Database, profiles exact.Profiles, log *slog.Logger, set *metrics.Set,
) *Aggregator {
	return &Aggregator{
		cfg: cfg, samples: samples, db: db, profiles: profiles, log: log,
		runs:     set.NewCounter("invoq_aggregation_runs_total"),
		failures: set.NewCounter("invoq_aggregation_failures_total"),
		seconds:  set.NewHistogram("invoq_aggregation_duration_seconds"),
		rows:     set.NewCounter("invoq_aggregation_windows_total"),
	}
}

// Report says what a run did.
type Report struct {
	// Windows is how many five-minute windows were counted.
	Windows int
	// From and Until bound what was counted; equal when nothing was.
	From, Until time.Time
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
	a.seconds.UpdateDuration(started)
	a.rows.Add(report.Windows)
	a.log.Info("aggregated usage", "windows", report.Windows, "from", report.From, "until", report.Until,
		"dur", time.Since(started))
	return report, nil
}

func (a *Aggregator) run(
	ctx context.Context,
	now time.Time,
	changed map[invoq.TenantName]int64,
) (Report, error) {
	state, err := a.db.MeterState(ctx)
	if err != nil {
		return Report{}, err
	}
	until := invoq.Window5m.Floor(
		latest(now, time.UnixMilli(a.samples.NewestSample())),
	).Add(
		invoq.Window5m.Duration(),
	)
	report := Report{From: until, Until: until}
	for _, job := range a.plan(state, changed, until) {
		n, err := a.count(ctx, now, state, job, until)
		if err != nil {
			return Report{}, err
		}
		report.Windows += n
		if job.from.Before(report.From) {
			report.From = job.from
		}
	}
	return report, a.db.AggregatedUntil(ctx, until)
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
func (a *Aggregator) count(
	ctx context.Context, now time.Time, state postgres.MeterState, j job, until time.Time,
) (windows int, err error) {
	sources := map[invoq.ServiceKey]exact.Source{}
	for key, s := range state.Sources {
		sources[key] = exact.ParseSource(s)
	}
	for from := j.from; from.Before(until); {
		to := from.Add(chunk)
		if to.After(until) {
			to = until
		}
		res, err := exact.Compute(ctx, a.samples, a.profiles, exact.Request{
			Interval:       invoq.Interval{Start: from, End: to},
			Until:          now,
			Tenants:        j.tenants,
			Sources:        sources,
			MemoryLimits:   state.MemoryLimits,
			Watched:        state.Watched,
			SkipFirstSight: a.cfg.SkipFirstSight,
		})
		if err != nil {
			return windows, err
		}
		named := map[invoq.ServiceKey]string{}
		for key, s := range res.Sources {
			sources[key] = s
			state.Sources[key] = s.String()
			named[key] = s.String()
		}
		j.meet(res.Rows)
		err = a.db.StoreWindows(ctx, postgres.Windows{
			Interval: invoq.Interval{Start: from, End: to},
			Tenants:  j.tenants,
			Rows:     res.Rows,
			Sources:  named,
			Watched:  j.watched,
		})
		if err != nil {
			return windows, err
		}
		windows += len(res.Rows)
		from = to
	}
	return windows, nil
}
