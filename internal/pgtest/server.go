package pgtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"invoq/postgres/private"
)

// Server is a durable private server that a test may kill, stop and start
// again. Its database is invoq.
type Server struct {
	*private.Server
	config private.Config
}

// Private starts a server for this test alone. It ends with the test.
func Private(t testing.TB) *Server {
	t.Helper()
	n, err := newNest("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.remove)
	s := &Server{config: private.Config{Dir: filepath.Join(n.dir, "pg")}}
	s.Start(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Start starts the server again on the same data.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	server, err := private.Start(context.Background(), s.config)
	if err != nil {
		giveUp(t, err)
	}
	s.Server = server
}

// Stop ends the server gently.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.Server.Stop(context.Background()); err != nil {
		t.Errorf("stop the test server: %v", err)
	}
}

// Kill kills the postmaster with SIGKILL. The server comes back by itself, at
// the same URL.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	pid := s.PID()
	if pid == 0 {
		t.Fatal("kill the test server: it is down already")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill the test server: %v", err)
	}
}

// giveUp skips the test when the machine has no Postgres, unless one was
// promised, and fails it for any other reason.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, private.ErrNoBinaries) && os.Getenv("INVOQ_TEST_REQUIRE") == "" {
		t.Skip(err)
	}
	t.Fatal(err)
}
