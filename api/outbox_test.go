package api

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
)

// A tenant that reads nothing fills its share and no more; others are answered.
func TestOutboxIsFair(t *testing.T) {
	o := newOutbox(metrics.NewSet())
	put := func(tenant invoq.TenantName, n int, fits bool) func() {
		t.Helper()
		taken, err := o.put(tenant, n)
		var e *invoq.Error
		if refused := errors.As(err, &e) && e.Kind == invoq.KindUnavailable && e.RetryAfter > 0; refused == fits {
			t.Fatalf("%d for %s: %v", n, tenant, err)
		}
		return taken
	}
	share := outboxTenantBytes
	first := put("acme", share-1, true)
	put("acme", 2, false)
	put("zeta", share+1, true)() // Larger than its share, but the only one.
	first()
	if len(o.by) != 0 || o.bytes != 0 {
		t.Fatalf("all are read, and %d bytes wait for %v", o.bytes, o.by)
	}
	whole := put("acme", 2*outboxBytes, true)
	put("zeta", 1, false)
	whole()
	for i := range 4 {
		put(invoq.TenantName(fmt.Sprint(i)), share, true)
	}
	put("acme", 1, false)
}

// An answer counts until it is written, and no longer when its reader has gone.
func TestAnswersAreHeld(t *testing.T) {
	r := serve(t)
	const path = "/assets/swagger-ui-bundle.js"
	unread := func() int {
		r.server.outbox.mu.Lock()
		defer r.server.outbox.mu.Unlock()
		return r.server.outbox.bytes
	}
	eventually := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !is(); <-time.After(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d bytes", what, unread())
			}
		}
	}
	asset, err := r.server.Pages.Asset(strings.TrimPrefix(path, "/assets/"))
	if err != nil {
		t.Fatal(err)
	}
	content, err := asset.Content()
	if err != nil {
		t.Fatal(err)
	}
	a := r.ask("", http.MethodGet, path, nil, "Accept-Encoding", "identity")
	if a.status != http.StatusOK || a.body != string(content) {
		t.Fatalf("%d with %d bytes of %d", a.status, len(a.body), len(content))
	}
	if a = r.ask("", http.MethodHead, path, nil, "Accept-Encoding", "identity"); a.body != "" ||
		a.header.Get("Content-Length") != fmt.Sprint(len(content)) {
		t.Errorf("HEAD: %d bytes, %v", len(a.body), a.header)
	}
	eventually("all is read", func() bool { return unread() == 0 })

	conn, err := net.Dial("tcp", r.host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// More than the machine's buffers take for a reader that does not read.
	if _, err := io.WriteString(conn, strings.Repeat("GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n", 64)); err != nil {
		t.Fatal(err)
	}
	eventually("one asks and does not read", func() bool { return unread() == len(content) })
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually("the reader has gone", func() bool { return unread() == 0 })
}
