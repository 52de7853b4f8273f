package billing

import (
	"context"
	"slices"

	"invoq"
	"invoq/postgres"
)

// shelf is all plans and assignments: it finds them as the database does,
// without asking it once a tenant. It never changes.
type shelf struct {
	byID     map[invoq.PlanID][]invoq.Plan // all versions, the newest first
	own      map[invoq.TenantID][]invoq.Plan
	shared   []invoq.Plan
	assigned map[invoq.TenantID][]invoq.PlanAssignment
}

// newShelf takes plans by id and version.
func newShelf(book postgres.PlanBook) *shelf {
	s := &shelf{
		byID: map[invoq.PlanID][]invoq.Plan{}, own: map[invoq.TenantID][]invoq.Plan{},
		assigned: map[invoq.TenantID][]invoq.PlanAssignment{},
	}
	for _, p := range slices.Backward(book.Plans) {
		s.byID[p.ID] = append(s.byID[p.ID], p)
		switch newest := len(s.byID[p.ID]) == 1; {
		case !newest || !p.Active:
		case p.TenantID == "":
			s.shared = append(s.shared, p)
		default:
			s.own[p.TenantID] = append(s.own[p.TenantID], p)
		}
	}
	for _, a := range book.Assignments {
		s.assigned[a.TenantID] = append(s.assigned[a.TenantID], a)
	}
	return s
}

// PlanVersions returns all versions of a plan in scope, the newest first.
func (s *shelf) PlanVersions(
	_ context.Context, scope invoq.Scope, id invoq.PlanID,
) ([]invoq.Plan, error) {
	all := s.byID[id]
	if len(all) == 0 || all[0].TenantID != "" && !scope.Reaches(all[0].TenantID) {
		return nil, invoq.Errorf(invoq.KindNotFound, "no plan %q", id)
	}
	return all, nil
}

// PlansFor returns the active plans that may price a tenant.
func (s *shelf) PlansFor(_ context.Context, tenant invoq.TenantID) ([]invoq.Plan, error) {
	own := s.own[tenant]
	if len(own) == 0 {
		return s.shared, nil
	}
	return slices.Concat(own, s.shared), nil
}

// PlanAssignments returns those of a tenant.
func (s *shelf) PlanAssignments(
	_ context.Context, _ invoq.Scope, tenant invoq.TenantID,
) ([]invoq.PlanAssignment, error) {
	return s.assigned[tenant], nil
}

var _ Plans = (*shelf)(nil)
