package api

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"invoq/access"
)

// The request id of a CloudEvent is its source and id, and a source is a URI:
// such an event is traced like any other, and by nobody but its own tenant.
func TestTraceOfAnyRequestID(t *testing.T) {
	r := serve(t)
	_, acme := r.tenant("acme")
	_, zeta := r.tenant("zeta")
	at := time.Now().UTC().Format(time.RFC3339)
	f := func(requestID string) {
		t.Helper()
		a := r.json(acme[access.Tenant], http.MethodPost, "/api/v1/usage", fmt.Sprintf(
			`{"resourceType":"PAYMENT_TX","service":"pay","quantity":1,"timestamp":%q,"requestId":%q}`,
			at, requestID))
		if a.status != http.StatusAccepted {
			t.Fatalf("%q: %v", requestID, a)
		}
		path := "/api/v1/events/" + url.PathEscape(requestID) + "/trace"
		state := func(key, query string) string {
			a := r.ask(key, http.MethodGet, path+query, nil)
			if a.status != http.StatusOK {
				return fmt.Sprint(a.status)
			}
			var trace Trace
			r.decode(a, &trace)
			if trace.RequestID != requestID {
				t.Errorf("the trace of %q is of %q", requestID, trace.RequestID)
			}
			return string(trace.State)
		}
		for _, x := range []struct{ key, query, want string }{
			{acme[access.Tenant], "", "waiting"},
			{acme[access.Viewer], "?tenant_id=acme", "waiting"},
			{r.owner, "?tenant_id=acme", "waiting"},
			{r.owner, "?tenant_id=zeta", "unknown"},
			{zeta[access.Tenant], "", "unknown"},
			{zeta[access.Tenant], "?tenant_id=acme", "404"},
			{acme[access.Ingest], "", "403"},
		} {
			if got := state(x.key, x.query); got != x.want {
				t.Errorf("%q with %q: %s, want %s", requestID, x.query, got, x.want)
			}
		}
	}
	f("7f9c")
	f("/till#1")
	f("https://till.example/3?x=1&y=%2F#1")
	f("100%")
	f("a+b c/../d")
}
