package billing

import (
	"context"
	"fmt"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// maxParties bounds the tenants whose settings are kept at hand.
const maxParties = 50_000

// agreed keeps at hand what prices tenants, so that the book does not ask the
// database for each entry. What it says is at most costsFresh old.
type agreed struct {
	db     *postgres.DB
	now    func() time.Time
	sheets *sheets

	shelf   *shelf // never changes; another one when anything about plans has
	mark    string // of the shelf
	asked   time.Time
	parties map[invoq.TenantID]*party
}

// party is a tenant as pricing sees it.
type party struct {
	tenant invoq.Tenant
	zone   *time.Location
	tags   map[serviceKey]map[string]string
	asked  time.Time
	// last is the month that was asked for last, mostly the next one too.
	last pricing.Period
}

// serviceKey tells the services of a tenant apart.
type serviceKey struct{ namespace, service string }

func newAgreed(db *postgres.DB, now func() time.Time) *agreed {
	return &agreed{db: db, now: now, sheets: newSheets(), parties: map[invoq.TenantID]*party{}}
}

// refresh makes sure that plans and the tenants named are fresh.
func (a *agreed) refresh(ctx context.Context, tenants map[invoq.TenantID]invoq.TenantName) error {
	now := a.now()
	if a.shelf == nil || now.Sub(a.asked) >= costsFresh {
		if err := a.refreshShelf(ctx); err != nil {
			return err
		}
		a.asked = now
	}
	if len(a.parties) > maxParties {
		clear(a.parties)
	}
	var stale []invoq.TenantID
	for id := range tenants {
		if p := a.parties[id]; p == nil || now.Sub(p.asked) >= costsFresh {
			stale = append(stale, id)
		}
	}
	// Fast path: a posting follows the other within a moment.
	if len(stale) == 0 {
		return nil
	}
	return a.refreshParties(ctx, stale, now)
}

// refreshShelf reads all plans again when there are new ones.
func (a *agreed) refreshShelf(ctx context.Context) error {
	mark, err := a.db.PriceMark(ctx)
	if err != nil || a.shelf != nil && mark == a.mark {
		return err
	}
	book, err := a.db.PlanBook(ctx, invoq.Everyone())
	if err != nil {
		return err
	}
	a.shelf, a.mark = newShelf(book), mark
	return nil
}

// refreshParties reads tenants and the tags of their services. A tenant whose
// zone there is not has none, and no plan can price it.
func (a *agreed) refreshParties(ctx context.Context, ids []invoq.TenantID, now time.Time) error {
	tenants, err := a.db.TenantsByID(ctx, invoq.Everyone(), ids)
	if err != nil {
		return err
	}
	tagged, err := a.db.TaggedServices(ctx, ids)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		p := &party{tenant: t, asked: now, tags: map[serviceKey]map[string]string{}}
		if zone, err := t.Location(); err == nil {
			p.zone = zone
		}
		a.parties[t.ID] = p
	}
	for _, s := range tagged {
		a.parties[s.Tenant].tags[serviceKey{s.Namespace, s.Name}] = s.Tags
	}
	for _, id := range ids {
		if a.parties[id] == nil {
			return fmt.Errorf("tenant %q of an entry is not in the database", id)
		}
	}
	return nil
}

// month returns the calendar month of the tenant that contains the instant. The
// party needs its zone.
func (p *party) month(at time.Time) pricing.Period {
	if at.Before(p.last.Start) || !at.Before(p.last.End) {
		p.last = pricing.MonthOf(at, p.zone)
	}
	return p.last
}

// source returns what a service's usage is priced as.
func (p *party) source(namespace, service string) *pricing.Source {
	return &pricing.Source{
		Namespace: namespace, Service: service, Tags: p.tags[serviceKey{namespace, service}],
	}
}

// parts returns what prices a tenant's month; none where its plans have a
// problem, which its bills tell.
func (a *agreed) parts(ctx context.Context, t invoq.Tenant, month pricing.Period) ([]part, error) {
	parts, err := agreement{a.shelf, a.sheets}.parts(ctx, t, month)
	switch invoq.KindOf(err) {
	case invoq.KindUnprocessable, invoq.KindNotFound:
		return nil, nil
	}
	return parts, err
}
