package series

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"invoq"
	"invoq/postgres"
	"invoq/tsdb"
)

// costs prices the days that are asked for.
func (s *Series) costs(ctx context.Context, c *collected) error {
	if !c.q.names(costName) {
		return nil
	}
	tenants, err := s.tenants(ctx, c.q)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if err := s.tenantCosts(ctx, c, t); err != nil {
			return err
		}
	}
	return nil
}

// tenantCosts prices the days of one tenant that are asked for.
func (s *Series) tenantCosts(ctx context.Context, c *collected, t invoq.Tenant) error {
	zone, err := t.Location()
	if err != nil {
		return err
	}
	first, any, err := s.db.FirstDay(ctx, invoq.Only(t.ID))
	if err != nil || !any {
		return err
	}
	now := s.now()
	from, until := first, now
	if c.q.in.Start.After(from) {
		from = c.q.in.Start
	}
	if c.q.in.End.Before(until) {
		until = c.q.in.End
	}
	local := from.In(zone)
	// The last day of a month ends where the next one begins.
	month := time.Date(local.Year(), local.Month()-1, 1, 12, 0, 0, 0, zone)
	for n := 0; !month.AddDate(0, 0, -1).After(until); n++ {
		if n == maxCostMonths {
			return tooMuch("months of cost", maxCostMonths)
		}
		days, err := s.biller.DayCosts(ctx, t, month, now)
		if err != nil {
			return err
		}
		for _, d := range days {
			of := postgres.RevisionSeries{
				Tenant: t.Name, Namespace: d.Namespace, Service: d.Service, Revision: d.Revision,
			}
			c.add(seriesLabels(costName, of, string(d.Meter), string(d.Currency)), d.End, d.Cost.Float())
		}
		month = month.AddDate(0, 1, 0)
	}
	return nil
}

// tenants returns whose days are asked for.
func (s *Series) tenants(ctx context.Context, q question) ([]invoq.Tenant, error) {
	if q.tenant != "" {
		t, err := s.db.FindTenant(ctx, q.scope, q.tenant)
		return []invoq.Tenant{t}, err
	}
	all, err := s.db.ListTenants(ctx, q.scope, invoq.Page{Limit: maxCostTenants + 1})
	if err == nil && len(all) > maxCostTenants {
		err = tooMuch("tenants' costs", maxCostTenants)
	}
	return all, err
}

// ledger reads the costs of the hours of the book that are asked for.
func (s *Series) ledger(ctx context.Context, c *collected) error {
	real, billed := c.q.names(ledgerRealName), c.q.names(ledgerBilledName)
	if !real && !billed {
		return nil
	}
	in := invoq.Interval{
		Start: invoq.Window1h.Floor(c.q.in.Start.Add(-time.Hour)), End: invoq.Window1h.Floor(c.q.in.End),
	}
	hours, err := s.db.CostHours(ctx, c.q.scope, in, maxCostHours+1)
	if err == nil && len(hours) > maxCostHours {
		err = tooMuch("hours of the ledger", maxCostHours)
	}
	if err != nil {
		return err
	}
	for _, h := range hours {
		of := postgres.RevisionSeries{
			Tenant: h.Tenant, Namespace: h.Namespace, Service: h.Service, Revision: h.Revision,
		}
		end := h.Hour.Add(time.Hour)
		if real {
			c.add(seriesLabels(ledgerRealName, of, h.Meter, h.Currency), end, h.Real)
		}
		if billed {
			c.add(seriesLabels(ledgerBilledName, of, h.Meter, h.Currency), end, h.Billed)
		}
	}
	return nil
}

// ledgerSeries appends the series of the ledger that are asked for. Unless a
// question names them, the book is not read through for a list: their names
// stand for them.
func (s *Series) ledgerSeries(ctx context.Context, q question, all []labels.Labels) ([]labels.Labels, error) {
	named := slices.ContainsFunc(q.matchers, func(m *labels.Matcher) bool { return m.Name == model.MetricNameLabel })
	if named {
		c := &collected{q: q, by: map[string]*tsdb.DerivedSeries{}}
		err := s.ledger(ctx, c)
		for _, found := range c.by {
			all = append(all, found.Labels)
		}
		return all, err
	}
	for _, name := range []string{ledgerRealName, ledgerBilledName} {
		if !q.names(name) {
			continue
		}
		of := postgres.RevisionSeries{Tenant: invoq.TenantName(q.tenant)}
		if ls := seriesLabels(name, of, "", ""); q.matches(ls) {
			all = append(all, ls)
		}
	}
	return all, nil
}
