package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"invoq"
	"invoq/access"
	"invoq/dashboards"
	"invoq/outlook"
	"invoq/postgres"
)

// sessionCookie carries the signed session of a browser.
const sessionCookie = "invoq_session"

// How long a browser may keep an embedded file, and one that it asked for by
// its version.
const (
	assetLife   = "public, max-age=3600"
	versionLife = "public, max-age=31536000, immutable"
)

// page lets in who is signed in and has the permission; who is not signed in is
// sent to the sign-in page.
func (s *Server) page(p access.Permission, h fiber.Handler) fiber.Handler {
	guarded := s.may(p, h)
	return func(c *fiber.Ctx) error {
		c.Locals(formKey, formPage)
		err := guarded(c)
		if invoq.KindOf(err) == invoq.KindUnauthenticated {
			return c.Redirect("/login", http.StatusSeeOther)
		}
		return err
	}
}

func (s *Server) render(c *fiber.Ctx, page string, view any) error {
	var buf bytes.Buffer
	if err := s.Pages.Render(&buf, page, view); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAcceptEncoding)
	if !acceptsGzip(c) {
		return c.Send(buf.Bytes())
	}
	c.Set(fiber.HeaderContentEncoding, "gzip")
	return c.Send(fasthttp.AppendGzipBytesLevel(nil, buf.Bytes(), fasthttp.CompressBestSpeed))
}

func acceptsGzip(c *fiber.Ctx) bool {
	return strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip")
}

// viewer returns who looks at a page that everybody may see; nil when nobody is
// signed in, or that cannot be known now.
func (s *Server) viewer(c *fiber.Ctx) *dashboards.Viewer {
	id, ok := c.Locals(identityKey).(access.Identity)
	if !ok {
		var err error
		if id, err = s.Sessions.Identity(c.UserContext(), c.Cookies(sessionCookie)); err != nil {
			return nil
		}
	}
	return &dashboards.Viewer{
		Owner: id.Role == access.Owner, Costs: id.Role.May(access.ManageCosts), Name: string(id.Tenant),
	}
}

// site is where the caller has reached us.
func (s *Server) site(c *fiber.Ctx) dashboards.Site {
	return dashboards.NewSite(c.Hostname(), s.Secure || c.Secure())
}

func (s *Server) errorPage(c *fiber.Ctx, status int, message string) error {
	view := dashboards.NewError(status, http.StatusText(status), message, requestID(c), s.viewer(c))
	return s.render(c, "error", view)
}

func (s *Server) loginPage(c *fiber.Ctx) error {
	c.Locals(formKey, formPage)
	return s.render(c, "login", dashboards.NewLogin(""))
}

// login signs a browser in with an API key.
func (s *Server) login(c *fiber.Ctx) error {
	c.Locals(formKey, formPage)
	f, err := formOf(c, loginBytes)
	if err != nil {
		return err
	}
	secret, err := access.ParseSecret(f.Get("key"))
	if err == nil {
		_, err = s.Keyring.Authenticate(c.UserContext(), secret.Reveal())
	}
	switch invoq.KindOf(err) {
	case "":
		s.signIn(c, s.Sessions.Open(secret.Prefix()))
		return c.Redirect("/", http.StatusSeeOther)
	case invoq.KindUnauthenticated:
		c.Status(http.StatusUnauthorized)
		return s.render(c, "login", dashboards.NewLogin(invoq.MessageOf(err)))
	}
	return err
}

// loginByTicket signs a browser in with a link that is good once.
func (s *Server) loginByTicket(c *fiber.Ctx) error {
	c.Locals(formKey, formPage)
	cookie, err := s.Sessions.Redeem(c.Params("ticket"))
	if err != nil {
		c.Status(http.StatusUnauthorized)
		return s.render(c, "login", dashboards.NewLogin(invoq.MessageOf(err)))
	}
	s.signIn(c, cookie)
	return c.Redirect("/", http.StatusSeeOther)
}

func (s *Server) signIn(c *fiber.Ctx, cookie string) {
	c.Cookie(&fiber.Cookie{
		Name: sessionCookie, Value: cookie, Path: "/", HTTPOnly: true, Secure: s.Secure,
		SameSite: fiber.CookieSameSiteLaxMode, SessionOnly: true,
	})
}

func (s *Server) logout(c *fiber.Ctx) error {
	c.Cookie(&fiber.Cookie{
		Name: sessionCookie, Path: "/", HTTPOnly: true, Secure: s.Secure,
		SameSite: fiber.CookieSameSiteLaxMode, Expires: time.Unix(0, 0),
	})
	return c.Redirect("/login", http.StatusSeeOther)
}

// home shows the owner everybody, and a tenant itself.
func (s *Server) home(c *fiber.Ctx) error {
	id := caller(c)
	if id.Role != access.Owner {
		return c.Redirect("/tenants/"+string(id.TenantID), http.StatusSeeOther)
	}
	ctx := c.UserContext()
	o, err := s.Overviews.Latest(ctx)
	if err != nil {
		return err
	}
	d := dashboards.OwnerData{
		Overview: o, Query: dashboards.ParseOwnerQuery(func(key string) string { return c.Query(key) }),
	}
	if d.Run, err = s.lastRun(ctx); err != nil {
		return err
	}
	if id.Role.May(access.ManageCosts) {
		if d.Margins, err = s.margins.latest(ctx, s.Now()); err != nil {
			return err
		}
	}
	return s.render(c, "owner", dashboards.NewOwner(d, *s.viewer(c), s.site(c)))
}

// lastRun returns the last bill run as the owner's page shows it; nil before
// the first.
func (s *Server) lastRun(ctx context.Context) (*dashboards.BillRun, error) {
	all, err := s.DB.ListBillRuns(ctx, invoq.Everyone(), invoq.Page{Limit: 1})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	r := all[0]
	run := &dashboards.BillRun{
		Month: r.Month, Finalize: r.Finalize, CreatedAt: r.CreatedAt, FinishedAt: r.FinishedAt,
		Tenants: r.Tenants, Drafted: r.Drafted, Final: r.Final, Kept: r.Kept, Parked: r.Parked,
	}
	if r.Parked == 0 {
		return run, nil
	}
	parked, err := s.DB.ParkedTenants(ctx, invoq.Everyone(), r.ID)
	run.ParkedTenants = convert(parked, func(p postgres.ParkedTenant) dashboards.ParkedTenant {
		return dashboards.ParkedTenant{ID: p.TenantID, Name: p.Tenant, Problem: p.Problem}
	})
	return run, err
}

// latestBills is how many bills a tenant's page has.
const latestBills = 12

// tenantPage shows a tenant's month to date and its bills.
func (s *Server) tenantPage(c *fiber.Ctx) error {
	id, ctx, now := caller(c), c.UserContext(), s.Now()
	m, err := s.Biller.MonthToDate(ctx, id.Scope(), c.Params("tenant"), now)
	if err != nil {
		return err
	}
	d := dashboards.TenantData{Month: m, Now: now}
	if id.Role.May(access.ReadBills) {
		if err := s.addBills(ctx, id.Scope(), &d); err != nil {
			return err
		}
	}
	if err := s.addPeople(ctx, id, &d); err != nil {
		return err
	}
	// The last 24 hours, the one that is not over among them.
	end := invoq.Window1h.Floor(now).Add(time.Hour)
	lastDay := invoq.Interval{Start: end.Add(-24 * time.Hour), End: end}
	if d.Latency, err = s.DB.SumLatency(ctx, id.Scope(), m.Tenant.ID, lastDay); err != nil {
		return err
	}
	uses, err := s.DB.LastUses(ctx, id.Scope(), m.Tenant.ID)
	if err != nil {
		return err
	}
	d.LastUse = uses[m.Tenant.ID]
	ahead, err := s.Outlooks.Ahead(ctx, m.Tenant, now)
	if err != nil {
		return err
	}
	d.Ahead = convert(ahead.Days, func(x outlook.Day) dashboards.AheadDay { return dashboards.AheadDay(x) })
	if month := ahead.Month; month != nil {
		d.MonthEnd = &dashboards.AheadCost{
			Currency: ahead.Currency, Expected: month.Cost.Expected,
			Lo80: month.Cost.Lo80, Hi80: month.Cost.Hi80,
		}
	}
	return s.render(c, "tenant", dashboards.NewTenant(d, *s.viewer(c), s.site(c)))
}

// addBills reads the tenant's latest bills, the names of their plans and what was
// credited of them.
func (s *Server) addBills(ctx context.Context, scope invoq.Scope, d *dashboards.TenantData) (err error) {
	d.Bills, err = s.DB.ListBills(ctx, scope, postgres.BillFilter{Tenant: d.Tenant.ID},
		invoq.Page{Limit: latestBills})
	if err != nil {
		return err
	}
	d.Plans, d.Credits = map[invoq.PlanID]string{}, map[invoq.BillID][]invoq.CreditNote{}
	for _, b := range d.Bills {
		parts := append([]invoq.BillPart{{PlanID: b.PlanID}}, b.Parts...)
		for _, p := range parts {
			if _, known := d.Plans[p.PlanID]; known || p.PlanID == "" {
				continue
			}
			versions, err := s.DB.PlanVersions(ctx, scope, p.PlanID)
			if err != nil && invoq.KindOf(err) != invoq.KindNotFound {
				return err
			}
			d.Plans[p.PlanID] = ""
			if len(versions) > 0 {
				d.Plans[p.PlanID] = versions[len(versions)-1].Name
			}
		}
		if b.Number == "" {
			continue // A draft has no credit notes.
		}
		if d.Credits[b.ID], err = s.DB.CreditNotes(ctx, scope, b.ID); err != nil {
			return err
		}
	}
	return nil
}

// docs shows the contract as a page.
func (s *Server) docs(c *fiber.Ctx) error {
	c.Locals(formKey, formPage)
	return s.render(c, "docs", dashboards.NewDocs(s.viewer(c)))
}

// openAPI answers with the contract.
func (s *Server) openAPI(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/yaml")
	return c.Send(contractYAML)
}

// asset answers with a file that pages load. Pages ask for the version that
// they were made with, which never changes.
func (s *Server) asset(c *fiber.Ctx) error {
	a, err := s.Pages.Asset(c.Params("+"))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, a.Type)
	c.Set(fiber.HeaderCacheControl, assetLife)
	if c.Query("v") == a.Version {
		c.Set(fiber.HeaderCacheControl, versionLife)
	}
	c.Vary(fiber.HeaderAcceptEncoding)
	read := a.Content
	if acceptsGzip(c) {
		c.Set(fiber.HeaderContentEncoding, "gzip")
		read = a.Zipped
	}
	content, err := read()
	if err != nil {
		return fmt.Errorf("read asset: %w", err)
	}
	return c.Send(content)
}
