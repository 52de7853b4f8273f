package function

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
)

func TestListenAddr(t *testing.T) {
	f := func(port, want string) {
		t.Helper()
		got, err := listenAddr(port)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("listenAddr(%q) = %q, want %q", port, got, want)
		}
	}
	f("", ":8080")
	f("9000", ":9000")
	f("0", `PORT "0" is not a port from 1 to 65535`)
	f("65536", `PORT "65536" is not a port from 1 to 65535`)
	f("http", `PORT "http" is not a port from 1 to 65535`)
}

func TestIdentity(t *testing.T) {
	f := func(env map[string]string, want identity) {
		t.Helper()
		got := Function{Name: "waiter"}.identity(func(k string) string { return env[k] })
		if got != want {
			t.Errorf("identity of %v = %+v, want %+v", env, got, want)
		}
	}
	f(nil, identity{"waiter", "waiter-00001"})
	f(map[string]string{"K_SERVICE": "pay", "K_REVISION": "pay-00007"},
		identity{"pay", "pay-00007"})
}

func TestRunRefusesABadPort(t *testing.T) {
	bad := func(string) string { return "-1" }
	err := Function{Name: "f"}.run(t.Context(), bad, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Error("a port of -1 was accepted")
	}
}

// A function that is told to stop finishes what it began and takes nothing new.
func TestServeFinishesWhatItBegan(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun, release := make(chan struct{}), make(chan struct{})
	f := Function{Name: "slow", Route: "/", Invoke: func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-release
		answer(w, http.StatusOK, "done")
	}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.serve(ctx, ln, identity{}, slog.New(slog.DiscardHandler)) }()

	got := make(chan string, 1)
	go func() { got <- fetch(url) }()
	<-begun
	stop()
	waitUntilClosed(ln.Addr().String())
	close(release)

	if body := <-got; body != "done\n" {
		t.Errorf("the invocation in flight got %q, want %q", body, "done\n")
	}
	if err := <-served; err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

func fetch(url string) string {
	res, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// waitUntilClosed returns when nobody accepts at the address any more.
func waitUntilClosed(addr string) {
	for {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
	}
}

func TestServeSaysWhyItCannotServe(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	f := Function{Name: "f", Route: "/", Invoke: func(http.ResponseWriter, *http.Request) {}}
	if err := f.serve(t.Context(), ln, identity{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("serving on a closed listener succeeded")
	}
}
