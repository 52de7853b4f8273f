package api

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"invoq/internal/pgtest"
	"invoq/postgres"
)

// Readiness names the part that keeps it. However often it is asked, the log has
// a line when it ends and one when it is back.
func TestReadiness(t *testing.T) {
	var log bytes.Buffer
	s := &Server{Parts: serve(t).server.Parts}
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	app := fiber.New(fiber.Config{ErrorHandler: s.renderError})
	app.Get("/readyz", s.ready)
	f := func(status int, want, logged string) {
		t.Helper()
		log.Reset()
		for range 3 {
			res, err := app.Test(httptest.NewRequest(http.MethodGet, "/readyz", nil), -1)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != status || !strings.Contains(string(body), want) {
				t.Errorf("%d %s, %v; want %d %s", res.StatusCode, body, err, status, want)
			}
		}
		lines := strings.Count(log.String(), "\n")
		if logged == "" && lines > 0 || logged != "" && (lines != 1 || !strings.Contains(log.String(), logged)) {
			t.Errorf("logged, want one %q:\n%s", logged, &log)
		}
	}
	f(http.StatusOK, "ok", "")
	works := s.DB
	closed, err := postgres.Open(t.Context(), pgtest.URL(t, pgtest.Migrated()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	s.DB = closed
	f(http.StatusServiceUnavailable, `"database: the database does not answer"`, `level=ERROR msg="not ready" err="database: `)
	f(http.StatusServiceUnavailable, "database: ", "")
	s.DB = works
	f(http.StatusOK, "ok", `level=INFO msg="ready again"`)
	f(http.StatusOK, "ok", "")
}
