package api

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"invoq/access"
)

// routes lists every way in. What stands in openapi.yaml is registered by the
// generated code and guarded by the contract; all else is here, each with the
// permission it needs.
func (s *Server) routes() {
	app := s.app
	app.Use(s.observe, s.recoverPanic, refuseSmuggling, refuseKeyInURL, secureHeaders)

	// Probes and the server's own metrics.
	app.Get("/healthz", s.open(s.alive))
	app.Get("/readyz", s.open(s.ready))
	app.Get("/metrics", s.open(s.metrics))

	// Samples in.
	app.Post("/api/v1/write", s.may(access.WriteSamples, s.remoteWrite))
	app.Post("/api/v1/otlp/v1/metrics", inForm(formOTLP, s.may(access.WriteSamples, s.otlpMetrics)))

	// Events in, and out to an outside consumer.
	app.Post("/metrics/collect", s.may(access.WriteSamples, s.takeEvents))
	app.Post("/api/v1/metrics/ingest", s.may(access.WriteSamples, s.takeEvents))
	app.Post("/api/v1/usage", s.may(access.WriteSamples, s.takeEvents))
	app.Post("/metrics/pop", s.may(access.Operate, s.popEvents))

	// Samples out: the Prometheus HTTP API.
	for path, h := range map[string]fiber.Handler{
		"/api/v1/query":           s.promQuery,
		"/api/v1/query_range":     s.promQueryRange,
		"/api/v1/query_exemplars": s.promQueryExemplars,
		"/api/v1/format_query":    s.promFormatQuery,
		"/api/v1/parse_query":     s.promParseQuery,
		"/api/v1/series":          s.promSeries,
		"/api/v1/labels":          s.promLabels,
	} {
		app.Get(path, s.mayProm(h))
		app.Post(path, s.mayProm(h))
	}
	app.Get("/api/v1/label/:name/values", s.mayProm(s.promLabelValues))
	app.Get("/api/v1/metadata", s.mayProm(s.promMetadata))
	app.Get("/api/v1/rules", s.mayProm(s.promRules))
	app.Get("/api/v1/alerts", s.mayProm(s.promAlerts))
	app.Get("/api/v1/status/buildinfo", s.mayProm(s.promBuildInfo))
	app.Post("/api/v1/read", s.mayProm(s.remoteRead))
	app.Post("/api/v1/admin/tsdb/snapshot", s.mayAdmin(s.promSnapshot))
	app.Post("/api/v1/admin/tsdb/backfill", s.mayAdmin(s.promBackfill))

	// The contract, and its documentation.
	app.Get("/openapi.yaml", s.open(s.openAPI))
	app.Get("/docs", s.open(s.docs))
	app.Get("/assets/+", s.open(s.asset))

	// Pages.
	app.Get("/login", s.open(s.loginPage))
	app.Post("/login", s.open(s.login))
	app.Get("/login/:ticket", s.open(s.loginByTicket))
	app.Post("/logout", s.open(s.logout))
	app.Get("/", s.page(access.ReadUsage, s.home))
	app.Get("/margins", s.page(access.ManageCosts, s.marginsPage))
	app.Get("/tenants/:tenant", s.page(access.ReadUsage, s.tenantPage))
	app.Get("/tenants/:tenant/users/:user", s.page(access.ReadUsage, s.userPage))

	// Everything else is the contract's.
	app.Use("/api/v1", s.underContract)
	RegisterHandlers(app, NewStrictHandler(s, nil))
	app.Use(s.notFound)
}

// methodsOf returns what the path takes, "GET, HEAD" say; nothing where nothing
// is.
func (s *Server) methodsOf(path string) string {
	var all []string
	for _, r := range s.app.GetRoutes(true) {
		if fiber.RoutePatternMatch(path, r.Path) && !slices.Contains(all, r.Method) {
			all = append(all, r.Method)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
