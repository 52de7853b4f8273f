package storybook

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/dashboards"
	"invoq/forecast"
)

// Story is one page in one state.
type Story struct {
	Name  string // in the address: letters and dashes
	Title string // what is to be seen
	Page  string // the template's name
	View  any
	// Status is the answer's; 0 means 200.
	Status int
}

// site is where the stories' server says that it is.
var site = dashboards.NewSite("invoq.example:8080", true)

// teller makes stories and remembers the first failure.
type teller struct {
	ctx context.Context
	all []Story
	err error
}

// Stories returns all stories.
func Stories(ctx context.Context) ([]Story, error) {
	t := &teller{ctx: ctx}
	t.owners()
	t.tenants()
	t.margins()
	t.others()
	return t.all, t.err
}

// tell adds a story.
func (t *teller) tell(name, title, page string, view any) {
	t.all = append(t.all, Story{Name: name, Title: title, Page: page, View: view})
}

// owners tells of the owner's page.
func (t *teller) owners() {
	usd := []invoq.Plan{standard(1, "USD", nil)}
	b := t.book(platform(64))
	finished, parked, running := runs()
	show := func(name, title string, s *shop, d dashboards.OwnerData) {
		d.Overview = t.overview(s)
		t.tell(name, title, "owner", dashboards.NewOwner(d, ownerEyes, site))
	}
	owner := func(name, title string, s *shop, q dashboards.OwnerQuery) {
		show(name, title, s, dashboards.OwnerData{Query: q})
	}
	all := dashboards.OwnerQuery{}
	show("owner", "An owner's tenants, in one currency", &shop{clients: groves(), plans: usd},
		dashboards.OwnerData{Margins: b.monthMargins(), Run: finished})
	show("owner-parked", "A bill run that has parked tenants", &shop{clients: groves()},
		dashboards.OwnerData{Run: parked})
	show("owner-running", "A bill run under way, and nobody who loses money",
		&shop{clients: groves(), plans: usd},
		dashboards.OwnerData{Margins: t.book(platform(1)).monthMargins(), Run: running})
	owner(
		"owner-currencies",
		"Tenants in four currencies, one of them without a plan in its own",
		currencies(),
		all,
	)
	owner("owner-empty", "A server that has just been started", &shop{}, all)
	owner("owner-unpriced", "Usage, and no plan", &shop{clients: groves()}, all)
	owner(
		"owner-attention",
		"Only those who need attention",
		currencies(),
		dashboards.OwnerQuery{Only: "attention", Sort: "status"},
	)
	owner(
		"owner-not-found",
		"A search that finds nobody",
		&shop{clients: groves(), plans: usd},
		dashboards.OwnerQuery{Search: "zz"},
	)
	owner(
		"owner-many",
		"The last page of 230 tenants",
		&shop{clients: many(230), plans: usd},
		dashboards.OwnerQuery{Page: 3},
	)
	owner("owner-hostile", "Names that are out for more than naming", hostile(), all)
}

// tenants tells of a tenant's page.
func (t *teller) tenants() {
	usd := []invoq.Plan{standard(1, "USD", nil)}
	before, now := older()
	full := &shop{clients: []*client{alder()}, plans: []invoq.Plan{now}, before: []invoq.Plan{before}}
	owner, self := ownerEyes, dashboards.Viewer{Name: "alder"}
	t.tenant("tenant", "A tenant, as the owner sees it", full, owner)
	t.tenant("tenant-self", "The same, as it sees itself", full, self)
	t.tenant(
		"tenant-empty",
		"A tenant that has used nothing",
		&shop{clients: []*client{newClient(1, "alder", "USD", "UTC")}, plans: usd},
		owner,
	)
	t.tenant(
		"tenant-events",
		"A tenant without functions, whose users are told of by events",
		&shop{clients: []*client{groves()[6]}, plans: usd},
		owner,
	)
	t.tenant("tenant-unpriced", "Usage without a plan", &shop{clients: []*client{alder()}}, owner)
	t.tenant(
		"tenant-unpriced-self",
		"The same, as the tenant sees it",
		&shop{clients: []*client{alder()}},
		self,
	)
	partly := standard(1, "USD", func(p *invoq.Plan) {
		p.Rates[0].Where = invoq.Selector{Namespaces: []string{"shop"}}
	})
	t.tenant(
		"tenant-partly",
		"A plan that misses some of the usage",
		&shop{clients: []*client{alder()}, plans: []invoq.Plan{partly}},
		owner,
	)
	t.tenant(
		"tenant-released",
		"A service of forty revisions",
		&shop{clients: []*client{released()}, plans: usd},
		owner,
	)
	t.tenant("tenant-hostile", "Names that are out for more than naming", hostile(), owner)
}

// others tells of the remaining pages.
func (t *teller) others() {
	t.tell("login", "Signing in", "login", dashboards.NewLogin(""))
	t.tell(
		"login-problem",
		"A key that is not known",
		"login",
		dashboards.NewLogin("the API key is not known"),
	)
	const id = "019aab1c-5e3f-7cc1-9d5f-6a8f2d1c0b7e"
	for _, e := range []struct {
		status int
		detail string
		viewer *dashboards.Viewer
	}{
		{http.StatusNotFound, `no tenant "acme"`, &ownerEyes},
		{http.StatusForbidden, `a key of role "ingest" lacks the permission usage:read`, nil},
		{http.StatusServiceUnavailable, "the database does not answer; try again", &dashboards.Viewer{Name: "alder"}},
	} {
		name := fmt.Sprintf("error-%d", e.status)
		t.tell(name, http.StatusText(e.status), "error",
			dashboards.NewError(e.status, http.StatusText(e.status), e.detail, id, e.viewer))
		t.all[len(t.all)-1].Status = e.status
	}
	t.tell("docs", "The contract", "docs", dashboards.NewDocs(&ownerEyes))
}

// overview has the biller price everybody's month.
func (t *teller) overview(s *shop) *billing.Overview {
	var all []billing.Standing
	for i, c := range s.clients {
		m, err := billing.New(s).MonthToDate(t.ctx, invoq.Everyone(), string(c.ID), Now)
		t.fail(err)
		all = append(all, billing.Standing{Month: m, LastUse: lastUse(c, i)})
	}
	return billing.NewOverview(Now, Now.Truncate(5*time.Minute), all)
}

// lastUse lets the tenants be last seen at different times.
func lastUse(c *client, i int) time.Time {
	if len(c.functions) == 0 {
		return time.Time{}
	}
	return Now.Add(-time.Duration(5*(i+1)*(i+1)*(i+1)) * time.Minute)
}

// tenant tells of the first of the shop's tenants.
func (t *teller) tenant(name, title string, s *shop, viewer dashboards.Viewer) {
	c := s.clients[0]
	biller := billing.New(s)
	m, err := biller.MonthToDate(t.ctx, invoq.Everyone(), string(c.ID), Now)
	t.fail(err)
	d := dashboards.TenantData{Month: m, LastUse: lastUse(c, 0), Now: Now}
	for _, fn := range c.functions {
		u := fn.usage(c.Tenant)
		u.Latency = fn.latency()
		if fn.until == 0 {
			d.Latency = append(d.Latency, u)
		}
	}
	if len(c.functions) > 0 {
		d.Ahead = ahead(&m)
		if m.Problem == "" {
			d.MonthEnd = &dashboards.AheadCost{
				Currency: m.Tenant.Currency, Expected: invoq.MustDecimal("47.1"),
				Lo80: invoq.MustDecimal("44.85"), Hi80: invoq.MustDecimal("49.6"),
			}
		}
	}
	if m.Problem == "" && len(c.functions) > 0 {
		d.Bills = t.bills(biller, c)
		d.Credits = credits(d.Bills)
		d.Plans = map[invoq.PlanID]string{}
		for _, p := range s.plans {
			d.Plans[p.ID] = p.Name
		}
	}
	if name == "tenant" || name == "tenant-self" || name == "tenant-events" {
		t.book(platform(64)).people(&d, viewer)
	}
	t.tell(name, title, "tenant", dashboards.NewTenant(d, viewer, site))
}

// ahead expects of each day that is not over what yesterday had, less surely the
// further it is.
func ahead(m *billing.Month) []dashboards.AheadDay {
	if len(m.Days) < 2 {
		return nil
	}
	mean := m.Days[len(m.Days)-2].Invocations.Float()
	at, err := time.Parse(time.DateOnly, m.Days[len(m.Days)-1].Day)
	if err != nil {
		panic("BUG: a day of a month is no date: " + err.Error())
	}
	var all []dashboards.AheadDay
	for month := at.Month(); at.Month() == month; at = at.AddDate(0, 0, 1) {
		off := mean * (0.08 + 0.01*float64(len(all)))
		all = append(all, dashboards.AheadDay{
			Day: invoq.DateOf(at, time.UTC), Invocations: forecast.Total{
				Mean: mean, Lo80: mean - off, Hi80: mean + off, Lo95: mean - 1.6*off, Hi95: mean + 1.6*off,
			},
		})
	}
	return all
}

// fail keeps the first error.
func (t *teller) fail(err error) {
	if t.err == nil && err != nil {
		t.err = fmt.Errorf("tell a story: %w", err)
	}
}
