package api

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
	"invoq/access"
)

// As many as there are places work, as many as there is room wait for at most
// their time, and others are sent away at once.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(metrics.NewSet())
		var leaves []func()
		for range pushesAtWork {
			leave, err := c.enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		type outcome struct {
			leave func()
			err   error
			after time.Duration
		}
		waited := make(chan outcome, pushesWaiting)
		for range pushesWaiting {
			go func() {
				began := time.Now()
				leave, err := c.enter(t.Context())
				waited <- outcome{leave, err, time.Since(began)}
			}()
		}
		synctest.Wait()
		f := func(err error) {
			t.Helper()
			var e *invoq.Error
			if !errors.As(err, &e) || e.Kind != invoq.KindUnavailable || e.RetryAfter <= 0 {
				t.Errorf("in a crowd: %v", err)
			}
		}
		f(c.look())
		_, err := c.enter(t.Context())
		f(err)
		leaves[0]()
		first := <-waited
		if first.err != nil || first.after != 0 {
			t.Errorf("when a place was free: %v after %s", first.err, first.after)
		}
		for range pushesWaiting - 1 {
			late := <-waited
			f(late.err)
			if late.after != pushWait {
				t.Errorf("sent away after %s", late.after)
			}
		}
		for _, leave := range append(leaves[1:], first.leave) {
			leave()
		}
		if n := c.inside.Load(); n != 0 || c.look() != nil {
			t.Errorf("all have left, and %d are inside", n)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if leave, err := c.enter(gone); err == nil {
			leave() // There was a place, and it is given back.
		}
		if n := c.inside.Load(); n != 0 {
			t.Errorf("%d are inside for ever", n)
		}
	})
}

// Whatever is pushed is sent away while there is a crowd, and taken after it.
func TestPushesInACrowd(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	f := func(path, kind string, crowded bool) {
		t.Helper()
		a := r.ask(keys[access.Ingest], http.MethodPost, path, []byte("[]"), "Content-Type", kind)
		away := a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != ""
		if away != crowded {
			t.Errorf("%s: %d %q", path, a.status, a.header.Get("Retry-After"))
		}
	}
	for _, crowded := range []bool{true, false} {
		r.server.crowd.inside.Store(0)
		if crowded {
			r.server.crowd.inside.Store(pushesAtWork + pushesWaiting)
		}
		f("/api/v1/write", "application/x-protobuf", crowded)
		f("/api/v1/otlp/v1/metrics", "application/x-protobuf", crowded)
		f("/api/v1/usage", "application/json", crowded)
		f("/api/v1/metrics/ingest", "application/json", crowded)
		f("/metrics/collect", "application/json", crowded)
	}
}
