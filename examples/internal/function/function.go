package function

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits of the server.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 60 * time.Second
	maxHeaderBytes = 16 << 10
	// drainTimeout is longer than the longest invocation that any reference
	// function allows (60 s of sleep and 10 s of work), so that a pod that is
	// told to stop finishes what it began.
	drainTimeout = 75 * time.Second
)

// Function is one serverless function.
type Function struct {
	// Name begins the names of the metrics and names the service when the
	// environment does not.
	Name string
	// Route is the path of an invocation; "/" takes every path but the
	// server's own.
	Route string
	// Invoke answers one invocation. It should give up when the request's
	// context ends.
	Invoke http.HandlerFunc
}

// Main serves the function until SIGTERM or SIGINT and returns the exit code.
func Main(f Function) int {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := f.run(ctx, os.Getenv, log); err != nil {
		log.Error("function stopped", "service", f.Name, "err", err)
		return 1
	}
	return 0
}

func (f Function) run(ctx context.Context, getenv func(string) string, log *slog.Logger) error {
	addr, err := listenAddr(getenv("PORT"))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %q: %w", addr, err)
	}
	id := f.identity(getenv)
	log.Info("function listens",
		"service", id.Service, "revision", id.Revision, "addr", ln.Addr().String())
	return f.serve(ctx, ln, id, log)
}

// listenAddr returns the address for the port that the platform names; an
// empty port means 8080, as Knative has it.
func listenAddr(port string) (string, error) {
	port = cmp.Or(port, "8080")
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("PORT %q is not a port from 1 to 65535", port)
	}
	return ":" + port, nil
}

// identity is who the series belong to.
type identity struct {
	Service, Revision string
}

func (f Function) identity(getenv func(string) string) identity {
	return identity{
		Service:  cmp.Or(getenv("K_SERVICE"), f.Name),
		Revision: cmp.Or(getenv("K_REVISION"), f.Name+"-00001"),
	}
}

// serve answers on the listener until the context ends, then finishes the
// invocations that have begun. It returns when all of them have ended.
func (f Function) serve(ctx context.Context, ln net.Listener, id identity, log *slog.Logger) error {
	var ready atomic.Bool
	srv := &http.Server{
		Handler:           f.handler(id, ready.Load),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelError),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	ready.Store(true)

	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ready.Store(false)
	// The context that ended asked us to stop; draining has its own deadline.
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// handler has all routes of the function.
func (f Function) handler(id identity, ready func() bool) http.Handler {
	m := newMeters(f.Name, id)
	mux := http.NewServeMux()
	mux.Handle(f.Route, m.count(f.Invoke))
	mux.Handle("/metrics", m.handler())
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("/readiness", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			answer(w, http.StatusServiceUnavailable, "stopping")
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}
