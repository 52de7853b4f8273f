package billing_test

import (
	"testing"
	"time"

	"invoq"
)

// However often a plan is changed, the version that priced a bill is found: the
// change after the last that bills read is refused.
func TestVersionsAreAllFound(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	march := d.issue("acme", time.March)
	_, err := d.connect().Exec(t.Context(), `
		INSERT INTO pricing_plans (id, version, name, currency, rates, active, effective_from, created_by)
		SELECT id, n, name, currency, rates, active, '2026-06-01', created_by
		FROM pricing_plans, generate_series(2, $1) AS n`, invoq.MaxPlanVersions-1)
	d.must(err)
	change := func(p *invoq.Plan) error { p.EffectiveFrom = "2026-06-01"; return nil }
	last, err := d.db.ChangePlan(t.Context(), everyone, d.plan.ID, "test", change)
	if err != nil || last.Version != invoq.MaxPlanVersions {
		t.Errorf("the last version is %d: %v", last.Version, err)
	}
	_, err = d.db.ChangePlan(t.Context(), everyone, d.plan.ID, "test", change)
	wantKind(t, err, invoq.KindUnprocessable)
	again, err := d.office.Recompute(t.Context(), everyone, march.ID)
	if err != nil || !again.Agrees() {
		t.Errorf("agrees %v: %v", again.Agrees(), err)
	}
}
