package fibertracker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/google/go-cmp/cmp"

	"invoq/collect/tracker"
	"invoq/collect/tracker/fibertracker"
)

// Every request is counted with the status it is answered with, whatever its
// handler does.
func TestMiddleware(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var us []tracker.Usage
		if err := json.NewDecoder(r.Body).Decode(&us); err != nil {
			t.Error(err)
		}
		for _, u := range us {
			got = append(got, fmt.Sprint(u.User, " ", u.Labels["method"], " ", u.Labels["status"]))
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	tr, err := tracker.New(tracker.Config{
		URL: server.URL, Key: "k", Service: "shop", Every: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	app.Use(recover.New(), fibertracker.New(tr, func(c *fiber.Ctx) string { return c.Query("user") }))
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("fine") })
	app.Get("/gone", func(*fiber.Ctx) error { return fiber.ErrGone })
	app.Get("/broken", func(*fiber.Ctx) error { return fmt.Errorf("broken") })
	app.Get("/panic", func(*fiber.Ctx) error { panic("BUG: as the test wants it") })
	for i, path := range []string{"/", "/gone", "/broken", "/panic", "/missing"} {
		target := fmt.Sprintf("%s?user=u%d", path, i)
		res, err := app.Test(httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	if err := tr.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{"u0 GET 200", "u1 GET 410", "u2 GET 500", "u3 GET 500", "u4 GET 404"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	t, err := tracker.New(tracker.Config{
		URL: server.URL, Key: "ivq_…", Service: "shop", Every: time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	app := fiber.New()
	app.Use(fibertracker.New(t, func(c *fiber.Ctx) string { return c.Get("X-User") }))
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("hello") })
	res, err := app.Test(httptest.NewRequest(http.MethodGet, "/", nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	fmt.Println(t.Close(context.Background()))
	// Output:
	// POST /api/v1/usage
	// <nil>
}
