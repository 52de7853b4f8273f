package billing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"invoq"
)

// Rerate asks to price an issued bill by other versions of plans.
type Rerate struct {
	Bill invoq.BillID
	// Plan and Version price the whole period; both zero: the plans and versions
	// that are in force in it as they are recorded now.
	Plan    invoq.PlanID
	Version int // 0: the newest
	// Reverts is a re-rating to take back instead; 0: none.
	Reverts int64
	Reason  string
	By      string
}

// Rerated is what a re-rating changes: shown before it is done.
type Rerated struct {
	Bill  invoq.Bill
	Parts []invoq.BillPart
	// Lines are the corrections that would be due on the next bill, and
	// Difference what they add to what the tenant owes.
	Lines      []invoq.BillLine
	Difference invoq.Decimal
	// Token stands for all of this: giving it back has exactly this done.
	Token string
	// Applied is the record once it is done; nil before.
	Applied *invoq.Rerating

	latest int64
	tags   []invoq.ServiceTags // by which the lines are priced
}

// PreviewRerate shows what a re-rating would change and does nothing.
func (o *Office) PreviewRerate(ctx context.Context, s invoq.Scope, r Rerate) (Rerated, error) {
	b, err := o.db.FindBill(ctx, s, r.Bill)
	if err != nil {
		return Rerated{}, err
	}
	if b.Status != invoq.BillFinal && b.Status != invoq.BillPaid {
		return Rerated{}, invoq.Errorf(invoq.KindConflict,
			"the bill is %s: only an issued one is re-rated; calculate a draft again instead", b.Status)
	}
	parts, err := o.rerateParts(ctx, b, r)
	if err != nil {
		return Rerated{}, err
	}
	x, err := o.open(ctx, b, parts)
	if err != nil {
		return Rerated{}, err
	}
	lines, tags, err := x.due(ctx)
	if err != nil {
		return Rerated{}, err
	}
	out := Rerated{Bill: b, Parts: parts, Lines: lines, Difference: sum(lines), latest: x.latest, tags: tags}
	out.Token, err = out.token()
	return out, err
}

// Rerate does what a preview showed, if it would still show the same. What it
// changes comes as corrections on the next bill; a re-rating that reverts this
// one takes them back the same way.
func (o *Office) Rerate(ctx context.Context, s invoq.Scope, r Rerate, token string) (Rerated, error) {
	if err := checkReason(r.Reason); err != nil {
		return Rerated{}, err
	}
	out, err := o.PreviewRerate(ctx, s, r)
	if err != nil {
		return out, err
	}
	if out.Token != token {
		return out, invoq.Errorf(invoq.KindConflict,
			"what would change is not what the token was given for: look at the preview again")
	}
	applied, err := o.db.AddRerating(ctx, s, invoq.Rerating{
		BillID: out.Bill.ID, Parts: out.Parts, Tags: out.tags, Reverts: r.Reverts, Difference: out.Difference,
		Reason: r.Reason, CreatedBy: r.By,
	}, out.latest)
	out.Applied = &applied
	return out, err
}

// rerateParts returns the parts that a re-rating asks for.
func (o *Office) rerateParts(ctx context.Context, b invoq.Bill, r Rerate) ([]invoq.BillPart, error) {
	if r.Reverts != 0 {
		return o.partsBefore(ctx, b, r.Reverts)
	}
	t, err := o.db.FindTenant(ctx, invoq.Only(b.TenantID), string(b.TenantID))
	if err != nil {
		return nil, err
	}
	a := agreement{o.db, newSheets()}
	if r.Plan == "" {
		period, err := periodOf(b)
		if err != nil {
			return nil, err
		}
		parts, err := a.parts(ctx, t, period)
		return billParts(parts), err
	}
	// The checks of an assigned plan hold: it is in reach and in the currency.
	versions, err := a.versions(ctx, t, r.Plan)
	if err != nil {
		return nil, err
	}
	version := r.Version
	if version == 0 {
		version = versions[0].Version
	}
	if !slices.ContainsFunc(versions, func(p invoq.Plan) bool { return p.Version == version }) {
		return nil, invoq.Errorf(invoq.KindNotFound, "no version %d of plan %q", version, r.Plan)
	}
	return []invoq.BillPart{{Period: b.Period, PlanID: versions[0].ID, PlanVersion: version}}, nil
}

// partsBefore returns the parts by which a bill was priced before a re-rating,
// which must be its last.
func (o *Office) partsBefore(ctx context.Context, b invoq.Bill, id int64) ([]invoq.BillPart, error) {
	all, err := o.db.Reratings(ctx, invoq.Only(b.TenantID), b.ID)
	if err != nil {
		return nil, err
	}
	switch n := len(all); {
	case !slices.ContainsFunc(all, func(r invoq.Rerating) bool { return r.ID == id }):
		return nil, invoq.Errorf(invoq.KindNotFound, "the bill has no re-rating %d", id)
	case all[n-1].ID != id:
		return nil, invoq.Errorf(invoq.KindConflict,
			"re-rating %d came after it: revert that first", all[n-1].ID)
	case n == 1:
		return partsOf(b), nil
	default:
		return all[n-2].Parts, nil
	}
}

// token returns a name for what a re-rating would do.
func (r *Rerated) token() (string, error) {
	// The last re-rating is part of it: after another one the same lines would mean
	// something else.
	b, err := json.Marshal([]any{r.Bill.ID, r.latest, r.Parts, r.Lines})
	if err != nil {
		return "", fmt.Errorf("write a re-rating: %w", err)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}
