package tracker_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"invoq/collect/tracker"
)

// collector stands for an Invoq server.
func collector() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		w.WriteHeader(http.StatusAccepted)
	}))
}

// Tokens of a model are tracked when the model has answered.
func ExampleTracker_Track() {
	server := collector()
	defer server.Close()
	t, err := tracker.New(tracker.Config{
		URL: server.URL, Key: "ivq_…", Service: "assistant", Every: time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	t.Track(context.Background(), tracker.Usage{
		User: "ann", Resource: "AI_TOKENS", Provider: "openai", Service: "gpt-4", Quantity: "1200",
	})
	fmt.Println(t.Close(context.Background()))
	// Output:
	// POST /api/v1/usage
	// <nil>
}

// Requests are counted for the user that a program knows them by.
func ExampleTracker_Middleware() {
	server := collector()
	defer server.Close()
	t, err := tracker.New(tracker.Config{
		URL: server.URL, Key: "ivq_…", Service: "shop", Every: time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	shop := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "bought") })
	h := t.Middleware(shop, func(r *http.Request) string { return r.Header.Get("X-User") })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/buy", nil))
	fmt.Println(t.Close(context.Background()))
	// Output:
	// POST /api/v1/usage
	// <nil>
}
