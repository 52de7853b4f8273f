package billing

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"invoq"
	"invoq/pricing"
)

// Plans finds plans and whom they price.
type Plans interface {
	// PlanVersions returns all versions of a plan in scope, the newest first, or
	// KindNotFound.
	PlanVersions(ctx context.Context, s invoq.Scope, id invoq.PlanID) ([]invoq.Plan, error)
	// PlansFor returns the active plans that may price a tenant, its own first,
	// the newest of them first.
	PlansFor(ctx context.Context, tenant invoq.TenantID) ([]invoq.Plan, error)
	// PlanAssignments returns those of a tenant by day, of one day the earlier
	// first.
	PlanAssignments(
		ctx context.Context, s invoq.Scope, tenant invoq.TenantID,
	) ([]invoq.PlanAssignment, error)
}

// part is a stretch of time that one version of one plan prices.
type part struct {
	invoq.Interval
	sheet *pricing.Sheet
}

// billPart says the part as bills do.
func (p part) billPart() invoq.BillPart {
	plan := p.sheet.Plan()
	return invoq.BillPart{Period: p.Interval, PlanID: plan.ID, PlanVersion: plan.Version}
}

// billParts says parts as bills do.
func billParts(parts []part) []invoq.BillPart {
	all := make([]invoq.BillPart, len(parts))
	for i, p := range parts {
		all[i] = p.billPart()
	}
	return all
}

// sheets keeps plans that were made ready for pricing. Versions never change,
// so a sheet serves every bill.
type sheets struct {
	mu  sync.Mutex
	all map[planVersion]*pricing.Sheet
}

// planVersion names one version of one plan.
type planVersion struct {
	id      invoq.PlanID
	version int
}

func newSheets() *sheets { return &sheets{all: map[planVersion]*pricing.Sheet{}} }

// of returns the plan's sheet.
func (s *sheets) of(p invoq.Plan) (*pricing.Sheet, error) {
	key := planVersion{p.ID, p.Version}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sheet := s.all[key]; sheet != nil {
		return sheet, nil
	}
	sheet, err := pricing.Compile(p)
	if err != nil {
		return nil, fmt.Errorf("plan %q version %d: %w", p.Name, p.Version, err)
	}
	s.all[key] = sheet
	return sheet, nil
}

// agreement finds what prices tenants.
type agreement struct {
	plans  Plans
	sheets *sheets
}

// parts returns what prices each part of a tenant's period: by the plan that is
// assigned to it on each day, else found by the rules, in the version in force
// on that day.
func (a agreement) parts(ctx context.Context, t invoq.Tenant, p pricing.Period) ([]part, error) {
	assigned, err := a.plans.PlanAssignments(ctx, invoq.Only(t.ID), t.ID)
	if err != nil {
		return nil, err
	}
	spans := spansFrom(p, t.PlanID, assigned,
		func(x invoq.PlanAssignment) (invoq.Date, invoq.PlanID) { return x.EffectiveFrom, x.PlanID })
	var all []part
	for _, span := range spans {
		versions, err := a.versions(ctx, t, span.of)
		if err != nil {
			return nil, err
		}
		some, err := a.versionParts(t, pricing.Period{Interval: span.Interval, Zone: p.Zone}, versions)
		if err != nil {
			return nil, err
		}
		for _, x := range some {
			// Assigned by name what the rules had found: nothing changes there.
			if n := len(all) - 1; n >= 0 && all[n].sheet == x.sheet {
				all[n].End = x.End
				continue
			}
			all = append(all, x)
		}
	}
	return all, nil
}

// versions returns all versions of the plan that prices a tenant: the one
// assigned, else the one that choose finds.
func (a agreement) versions(ctx context.Context, t invoq.Tenant, id invoq.PlanID) ([]invoq.Plan, error) {
	if id == "" {
		all, err := a.plans.PlansFor(ctx, t.ID)
		if err != nil {
			return nil, err
		}
		if id, err = choose(t, all); err != nil {
			return nil, err
		}
	}
	versions, err := a.plans.PlanVersions(ctx, invoq.Only(t.ID), id)
	if err != nil {
		return nil, fmt.Errorf("find plan of tenant %q: %w", t.Name, err)
	}
	if p := versions[0]; p.Currency != t.Currency {
		return nil, invoq.Errorf(invoq.KindUnprocessable, "plan %q is in %s, but tenant %q is billed in %s",
			p.Name, p.Currency, t.Name, t.Currency)
	}
	return versions, nil
}

// choose returns which of the plans that may price a tenant does, among those in
// its currency: its own newest one, else the shared one if there is only one.
func choose(t invoq.Tenant, plans []invoq.Plan) (invoq.PlanID, error) {
	fit := slices.DeleteFunc(slices.Clone(plans), func(p invoq.Plan) bool { return p.Currency != t.Currency })
	switch {
	case len(fit) == 0:
		return "", invoq.Errorf(invoq.KindUnprocessable,
			"no active plan in %s prices tenant %q: create one, or assign one to the tenant",
			t.Currency, t.Name)
	case fit[0].TenantID == "" && len(fit) > 1:
		return "", invoq.Errorf(invoq.KindUnprocessable,
			"%d shared plans in %s are active: assign one of them to tenant %q",
			len(fit), t.Currency, t.Name)
	}
	return fit[0].ID, nil
}

// versionParts cuts a period where another version of its plan takes effect. Of
// two of the same day the newer one holds.
func (a agreement) versionParts(
	t invoq.Tenant, p pricing.Period, versions []invoq.Plan,
) ([]part, error) {
	ordered := slices.Clone(versions)
	slices.Reverse(ordered)
	slices.SortStableFunc(ordered, func(x, y invoq.Plan) int {
		return compare(x.EffectiveFrom, y.EffectiveFrom)
	})
	none := invoq.Plan{}
	spans := spansFrom(p, &none, ordered,
		func(x invoq.Plan) (invoq.Date, *invoq.Plan) { return x.EffectiveFrom, &x })
	var all []part
	for _, span := range spans {
		if span.of == &none {
			return nil, invoq.Errorf(invoq.KindUnprocessable,
				"no version of plan %q is in force on %s, and tenant %q is priced by it",
				versions[0].Name, invoq.DateOf(span.Start, p.Zone), t.Name)
		}
		sheet, err := a.sheets.of(*span.of)
		if err != nil {
			return nil, err
		}
		all = append(all, part{Interval: span.Interval, sheet: sheet})
	}
	return all, nil
}

// pinned returns the parts that a bill names.
func (a agreement) pinned(ctx context.Context, t invoq.TenantID, parts []invoq.BillPart) ([]part, error) {
	all := make([]part, len(parts))
	for i, p := range parts {
		versions, err := a.plans.PlanVersions(ctx, invoq.Only(t), p.PlanID)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(versions, func(v invoq.Plan) bool { return v.Version == p.PlanVersion })
		if at < 0 {
			return nil, invoq.Errorf(invoq.KindNotFound, "no version %d of plan %q", p.PlanVersion, p.PlanID)
		}
		sheet, err := a.sheets.of(versions[at])
		if err != nil {
			return nil, err
		}
		all[i] = part{Interval: p.Period, sheet: sheet}
	}
	return all, nil
}

// span is a stretch of time in which something holds.
type span[T comparable] struct {
	invoq.Interval
	of T
}

// spansFrom cuts a period into what holds in it, given what holds first and what
// takes its place from which day on, in order of days.
func spansFrom[E any, T comparable](
	p pricing.Period, first T, changes []E, read func(E) (invoq.Date, T),
) []span[T] {
	all := []span[T]{{Interval: p.Interval, of: first}}
	for _, change := range changes {
		// What takes effect at or before the start of the last span replaces what
		// holds in it; later it cuts the span.
		day, of := read(change)
		at := p.Start
		if day != "" {
			at = pricing.FirstInstant(day.Wall(), p.Zone)
		}
		last := &all[len(all)-1]
		switch {
		case !at.Before(p.End) || last.of == of:
		case !at.After(last.Start):
			last.of = of
		default:
			all = append(all, span[T]{Interval: invoq.Interval{Start: at, End: p.End}, of: of})
			all[len(all)-2].End = at
		}
	}
	return merged(all)
}

// merged joins spans that follow each other and hold the same.
func merged[T comparable](all []span[T]) []span[T] {
	joined := all[:1]
	for _, s := range all[1:] {
		if last := &joined[len(joined)-1]; last.of == s.of {
			last.End = s.End
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// compare orders days; none comes first.
func compare(a, b invoq.Date) int { return time.Time.Compare(a.Wall(), b.Wall()) }
