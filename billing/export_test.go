package billing

import (
	"context"

	"invoq"
	"invoq/ledger"
)

// Hash is the hash of a bill's canonical bytes.
var Hash = hash

// KeepMonths bounds the months that the rater keeps filled.
func (r *Rater) KeepMonths(n int) { r.kept.most = n }

// ByCatalogue rates entries by the cost catalogue alone.
type ByCatalogue struct{ Costs *Costs }

// Rate charges entries as if nobody had a plan.
func (c ByCatalogue) Rate(
	ctx context.Context, _ int64, entries []ledger.Entry, tenants map[invoq.TenantID]invoq.TenantName,
) error {
	current, err := c.Costs.Current(ctx)
	for i := range entries {
		charge(current, &entries[i], tenants[entries[i].TenantID])
	}
	return err
}

// Posted keeps nothing.
func (ByCatalogue) Posted(int64) {}
