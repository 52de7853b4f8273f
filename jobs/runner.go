package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// maxWorkers is how many jobs run at a time.
const maxWorkers = 4

// Periodic is a job that runs once for every slot of its period.
type Periodic struct {
	// Name identifies the job in the queue; it never changes.
	Name string
	// Every is the period; slots are its multiples since 1970 in UTC.
	Every time.Duration
	// Timeout bounds one run.
	Timeout time.Duration
	// Run does the work for a slot, the instant at which it was due. It is
	// called again after a failure and must bear that.
	Run func(ctx context.Context, slot time.Time) error
}

// Runner runs jobs.
type Runner struct {
	client *river.Client[pgx.Tx]
	log    *slog.Logger
}

// New returns a runner of the jobs over the pool's queue. It does nothing until
// Start.
func New(pool *pgxpool.Pool, log *slog.Logger, all ...Periodic) (*Runner, error) {
	byName := map[string]Periodic{}
	var schedule []*river.PeriodicJob
	for _, p := range all {
		byName[p.Name] = p
		schedule = append(
			schedule,
			river.NewPeriodicJob(aligned(p.Every), p.enqueue, &river.PeriodicJobOpts{ID: p.Name}),
		)
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{jobs: byName}); err != nil {
		return nil, fmt.Errorf("register jobs: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Logger:       quiet(log),
		PeriodicJobs: schedule,
		Queues:       map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: maxWorkers}},
		Workers:      workers,
	})
	if err != nil {
		return nil, fmt.Errorf("make job queue: %w", err)
	}
	return &Runner{client: client, log: log}, nil
}

// Start begins to run jobs. It returns at once; the jobs end with Stop.
func (r *Runner) Start(ctx context.Context) error {
	if err := r.client.Start(ctx); err != nil {
		return fmt.Errorf("start job queue: %w", err)
	}
	return nil
}

// Stop lets running jobs end, and cancels them when the context does.
func (r *Runner) Stop(ctx context.Context) error {
	if err := r.client.Stop(ctx); err == nil {
		return nil
	}
	if err := r.client.StopAndCancel(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("stop job queue: %w", err)
	}
	return nil
}

// aligned is a schedule on the multiples of a period.
type aligned time.Duration

// Next returns the first multiple after the time.
func (a aligned) Next(t time.Time) time.Time {
	return t.Truncate(time.Duration(a)).Add(time.Duration(a))
}

// slot is one run of a periodic job, as it stands in the queue.
type slot struct {
	Name string    `json:"name"`
	Due  time.Time `json:"due"`
}

// Kind names the job in the queue.
func (slot) Kind() string { return "periodic" }

// Soon enqueues a run of a job outside its slots, in the transaction that
// causes it. Due is the instant the run is told.
func (r *Runner) Soon(ctx context.Context, tx pgx.Tx, name string, due time.Time) error {
	_, err := r.client.InsertTx(ctx, tx, slot{Name: name, Due: due.UTC()}, nil)
	if err != nil {
		return fmt.Errorf("enqueue job %q: %w", name, err)
	}
	return nil
}

func (p Periodic) enqueue() (river.JobArgs, *river.InsertOpts) {
	return slot{Name: p.Name, Due: time.Now().UTC().Truncate(p.Every)}, &river.InsertOpts{
		UniqueOpts: river.UniqueOpts{ByArgs: true},
	}
}

// worker runs slots.
type worker struct {
	river.WorkerDefaults[slot]
	jobs map[string]Periodic
}

// Timeout bounds a run.
func (w *worker) Timeout(j *river.Job[slot]) time.Duration { return w.jobs[j.Args.Name].Timeout }

// Work runs one slot of one job.
func (w *worker) Work(ctx context.Context, j *river.Job[slot]) error {
	p, ok := w.jobs[j.Args.Name]
	if !ok {
		return river.JobCancel(fmt.Errorf("no job %q any more", j.Args.Name))
	}
	if err := p.Run(ctx, j.Args.Due); err != nil {
		return fmt.Errorf("job %q due %s: %w", p.Name, j.Args.Due.Format(time.RFC3339), err)
	}
	return nil
}

// NextRetry tries again within the slot's period, soon at first.
func (w *worker) NextRetry(j *river.Job[slot]) time.Time {
	wait := time.Duration(1<<min(j.Attempt, 8)) * time.Second
	return time.Now().Add(wait)
}

// quiet lifts the queue's talk of its own life to warnings.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(levelHandler{log.Handler()})
}

// levelHandler drops records below warnings.
type levelHandler struct{ slog.Handler }

// Enabled reports whether the level is a warning or worse.
func (h levelHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

var _ rivertype.JobArgs = slot{}
