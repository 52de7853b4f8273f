package billing

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

const (
	// finalBatches is how many batches of drafts become final in one transaction.
	finalBatches = 4
	// maxProblemBytes bounds what is recorded of a tenant that was parked.
	maxProblemBytes = 1000
)

// RunConfig says how runs work. Zero fields have the default.
type RunConfig struct {
	// Grace is how late samples may be: no bill of a period is final before.
	Grace time.Duration
	// Workers is how many batches are worked on at a time. The default is one
	// more than there are processors: while the database works for one, another
	// one prices.
	Workers int
	// Batch is how many tenants are read, priced and stored in one transaction,
	// which is what memory goes by. The default is 250.
	Batch int
}

// RunDatabase is what a run reads and writes.
type RunDatabase interface {
	workshopDatabase
	// PlanBook returns all plans and whom they are assigned to.
	PlanBook(ctx context.Context, s invoq.Scope) (postgres.PlanBook, error)
	// SumMonths brings the stored sums of months up to the end of the book.
	SumMonths(ctx context.Context) error
	// UnfinishedBillRuns returns the ids of runs that go on, the oldest first.
	UnfinishedBillRuns(ctx context.Context) ([]string, error)
	FindBillRun(ctx context.Context, s invoq.Scope, id string) (postgres.BillRun, error)
	// LeadBillRun runs fn unless another server leads the run.
	LeadBillRun(ctx context.Context, id string, fn func() error) (bool, error)
	// BillRunTenants returns who is not done yet.
	BillRunTenants(ctx context.Context, run string) ([]invoq.TenantID, error)
	TenantsByID(ctx context.Context, s invoq.Scope, ids []invoq.TenantID) ([]invoq.Tenant, error)
	// StoreBillRun stores drafts and that their tenants are done, all or nothing.
	StoreBillRun(ctx context.Context, run string, results []postgres.RunResult) error
	// FinalizeBillRun makes the next drafts final and returns how many tenants
	// that settled; 0 when none is left.
	FinalizeBillRun(ctx context.Context, f postgres.RunFinal) (int, error)
	FinishBillRun(ctx context.Context, run string, at time.Time) error
}

// Runner makes the bills of all tenants. A run that was cut short, wherever it
// was, is resumed by whoever comes next, and ends with the same bills.
type Runner struct {
	db  RunDatabase
	cfg RunConfig
	log *slog.Logger
	now func() time.Time
}

// NewRunner returns a runner.
func NewRunner(
	db RunDatabase, cfg RunConfig, log *slog.Logger, now func() time.Time,
) *Runner {
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0) + 1
	}
	if cfg.Batch == 0 {
		cfg.Batch = 250
	}
	return &Runner{db: db, cfg: cfg, log: log, now: now}
}

// Resume works on all runs that have not ended, unless somebody else does.
func (r *Runner) Resume(ctx context.Context) error {
	ids, err := r.db.UnfinishedBillRuns(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.Work(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Work does what is left of a run; nothing where somebody else is at it. An
// error leaves the rest for the next call.
func (r *Runner) Work(ctx context.Context, id string) error {
	started := r.now()
	led, err := r.db.LeadBillRun(ctx, id, func() error { return r.lead(ctx, id) })
	if led && err == nil {
		r.log.Info("bill run ended", "run", id, "dur", r.now().Sub(started))
	}
	return err
}

// lead does what is left of a run.
func (r *Runner) lead(ctx context.Context, id string) error {
	run, err := r.db.FindBillRun(ctx, invoq.Everyone(), id)
	if err != nil || !run.FinishedAt.IsZero() {
		return err
	}
	if err := r.draft(ctx, run); err != nil {
		return err
	}
	if run.Finalize {
		if err := r.finalize(ctx, run); err != nil {
			return err
		}
	}
	return r.db.FinishBillRun(ctx, id, r.now())
}

// draft makes the drafts of all tenants that are left, in parallel.
func (r *Runner) draft(ctx context.Context, run postgres.BillRun) error {
	left, err := r.db.BillRunTenants(ctx, run.ID)
	if err != nil {
		return err
	}
	book, err := r.db.PlanBook(ctx, invoq.Everyone())
	if err != nil {
		return err
	}
	// Only whoever needs it waits for it: sums that are behind are added up from
	// entries, which is slower and says the same.
	if err := r.db.SumMonths(ctx); err != nil {
		return err
	}
	w := &workshop{
		db: r.db, scope: invoq.Everyone(), agreement: agreement{newShelf(asOf(book, run.CreatedAt)), newSheets()},
		size: run.Size,
	}
	// The first error ends the others: what they have not stored is left for the
	// next who resumes.
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.cfg.Workers)
	for ids := range slices.Chunk(left, r.cfg.Batch) {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return r.batch(ctx, run, w, ids) })
	}
	return group.Wait()
}

// asOf leaves out what came after an instant, so that a run that is resumed
// prices the rest as it did the first.
func asOf(book postgres.PlanBook, at time.Time) postgres.PlanBook {
	book.Plans = slices.DeleteFunc(book.Plans,
		func(p invoq.Plan) bool { return p.CreatedAt.After(at) })
	book.Assignments = slices.DeleteFunc(book.Assignments,
		func(a invoq.PlanAssignment) bool { return a.CreatedAt.After(at) })
	return book
}

// batch makes and stores the drafts of some tenants.
func (r *Runner) batch(
	ctx context.Context, run postgres.BillRun, w *workshop, ids []invoq.TenantID,
) error {
	tenants, err := r.db.TenantsByID(ctx, invoq.Everyone(), ids)
	if err != nil {
		return err
	}
	results := make([]postgres.RunResult, 0, len(tenants))
	var orders []order
	for _, t := range tenants {
		month, err := monthNamed(run.Month, t)
		if err != nil {
			results = append(results, postgres.RunResult{Tenant: t.ID, Problem: problemOf(err)})
			continue
		}
		orders = append(orders, order{tenant: t, period: month})
	}
	all, err := w.make(ctx, orders)
	if err != nil {
		return err
	}
	for i := range all {
		result := postgres.RunResult{Tenant: orders[i].tenant.ID, Bill: all[i].Bill}
		if all[i].err != nil {
			result.Problem = problemOf(all[i].err)
			r.log.Warn("parked a tenant; the others are billed", "run", run.ID,
				"tenant", orders[i].tenant.Name, "err", all[i].err)
		}
		results = append(results, result)
	}
	return r.db.StoreBillRun(ctx, run.ID, results)
}

// monthNamed returns a calendar month in the tenant's zone.
func monthNamed(month string, t invoq.Tenant) (pricing.Period, error) {
	zone, err := t.Location()
	if err != nil {
		return pricing.Period{}, err
	}
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return pricing.Period{}, invoq.Errorf(invoq.KindUnprocessable, "%q is not a month such as 2026-03", month)
	}
	return pricing.NewMonth(first.Year(), first.Month(), zone), nil
}

// CheckMonth refuses what is not a month such as 2026-03. Errors are of
// KindUnprocessable.
func CheckMonth(month string) error {
	p, err := monthNamed(month, invoq.Tenant{Timezone: invoq.DefaultTimezone})
	if err != nil {
		return err
	}
	return p.Validate()
}

// problemOf says what the owner has to know about a tenant that was parked.
func problemOf(err error) string {
	text := err.Error()
	if len(text) > maxProblemBytes {
		text = strings.ToValidUTF8(text[:maxProblemBytes], "")
	}
	return text
}

// finalize makes the run's drafts final, one batch after the other, so that
// numbers follow the order of tenants however often the run was resumed.
func (r *Runner) finalize(ctx context.Context, run postgres.BillRun) error {
	for {
		n, err := r.db.FinalizeBillRun(ctx, postgres.RunFinal{
			Run: run.ID, Closed: run.Closed(r.cfg.Grace), At: r.now(), Limit: finalBatches * r.cfg.Batch,
		})
		if err != nil || n == 0 {
			return err
		}
	}
}
