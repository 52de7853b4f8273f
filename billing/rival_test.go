package billing_test

import (
	"context"
	"testing"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/postgres"
)

// rival is a database in which somebody is faster than who makes a bill final.
type rival struct {
	*postgres.DB
	faster func()
}

func (r *rival) FinalizeBill(
	ctx context.Context, s invoq.Scope, f postgres.Final,
) (invoq.Bill, error) {
	r.faster()
	return r.DB.FinalizeBill(ctx, s, f)
}

// Two drafts with the same correction that become final at the same time: one of
// them is refused, and has the correction no more when it is computed again.
func TestCorrectionIsIssuedOnce(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	d.tenant("other", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	d.use("other", "2026-03-10T09:00:00Z", 1100)
	d.issue("acme", time.March)
	d.use("acme", "2026-03-20T09:00:00Z", 55)
	april, may := d.draft("acme", time.April), d.draft("acme", time.May)
	office := billing.NewOffice(&rival{d.db, func() {
		_, err := d.office.Finalize(t.Context(), everyone, april.ID)
		d.must(err)
	}}, 2*time.Hour, time.Now)
	_, err := office.Finalize(t.Context(), everyone, may.ID)
	wantKind(t, err, invoq.KindConflict)
	wantLines(t, d.issue("acme", time.May), "total 0")
	// Bills of others are in nobody's way.
	d.use("acme", "2026-03-21T09:00:00Z", 1)
	june := d.draft("acme", time.June)
	office = billing.NewOffice(&rival{d.db, func() { d.issue("other", time.March) }}, 2*time.Hour, time.Now)
	b, err := office.Finalize(t.Context(), everyone, june.ID)
	d.must(err)
	wantLines(t, b, "2026-03 invocations 1 − 0 = 0.01 corrects", "total 0.01")
}
