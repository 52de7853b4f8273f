package api

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"invoq"
	"invoq/access"
	"invoq/dashboards"
)

// sessionCookie carries the signed session of a browser.
const sessionCookie = "invoq_session"

// assetLife is how long a browser may keep an embedded file.
const assetLife = "public, max-age=3600"

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
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return s.Pages.Render(c, page, view)
}

func (s *Server) errorPage(c *fiber.Ctx, status int, message string) error {
	return s.render(c, "error", dashboards.ErrorView{
		Status: status, Title: http.StatusText(status), Detail: message, RequestID: requestID(c),
	})
}

func (s *Server) loginPage(c *fiber.Ctx) error {
	c.Locals(formKey, formPage)
	return s.render(c, "login", dashboards.LoginView{})
}

// login signs a browser in with an API key.
func (s *Server) login(c *fiber.Ctx) error {
	c.Locals(formKey, formPage)
	f, err := promForm(c)
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
		return s.render(c, "login", dashboards.LoginView{Problem: invoq.MessageOf(err)})
	}
	return err
}

// loginByTicket signs a browser in with a link that is good once.
func (s *Server) loginByTicket(c *fiber.Ctx) error {
	c.Locals(formKey, formPage)
	cookie, err := s.Sessions.Redeem(c.Params("ticket"))
	if err != nil {
		c.Status(http.StatusUnauthorized)
		return s.render(c, "login", dashboards.LoginView{Problem: invoq.MessageOf(err)})
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
	ts, err := s.DB.ListTenants(c.UserContext(), id.Scope(), invoq.Page{Limit: invoq.MaxPageSize})
	if err != nil {
		return err
	}
	return s.render(c, "owner", ts)
}

// tenantPage shows a tenant's month to date.
func (s *Server) tenantPage(c *fiber.Ctx) error {
	id := caller(c)
	m, err := s.Biller.MonthToDate(c.UserContext(), id.Scope(), c.Params("tenant"), s.Now())
	if err != nil {
		return err
	}
	return s.render(c, "tenant", m)
}

// docs shows the contract as a page.
func (s *Server) docs(c *fiber.Ctx) error {
	return s.render(c, "docs", nil)
}

// openAPI answers with the contract.
func (s *Server) openAPI(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/yaml")
	return c.Send(contractYAML)
}

func (s *Server) asset(c *fiber.Ctx) error {
	b, contentType, err := dashboards.Asset(c.Params("+"))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, contentType)
	c.Set(fiber.HeaderCacheControl, assetLife)
	return c.Send(b)
}
