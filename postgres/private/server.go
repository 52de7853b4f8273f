package private

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
)

// ErrInUse says that another invoq runs the server of this folder.
var ErrInUse = errors.New("the private PostgreSQL is in use by another invoq")

// Server is a running private Postgres, watched until Stop or until it cannot
// be kept alive.
type Server struct {
	cluster *cluster
	lock    *os.File
	pid     atomic.Int64
	// quit ends the watch, hurry cuts the gentle shutdown short.
	quit, hurry context.CancelFunc
	done        chan struct{}
	err         error // set before done is closed
}

// Start makes the cluster on first use, starts the server and returns when it
// answers queries and has the database invoq. The context bounds the start, not
// the life. Errors say what to do; ErrNoBinaries and ErrInUse are among them.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := openHome(cfg.Dir, os.Geteuid() == 0)
	if err != nil {
		return nil, err
	}
	lock, err := h.acquire()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cluster: &cluster{home: h, volatile: cfg.Volatile, journal: &journal{log: cfg.Logger}},
		lock:    lock,
		done:    make(chan struct{}),
	}
	var postmaster *child
	if err = s.cluster.prepare(ctx, cfg.BinDir); err == nil {
		postmaster, err = s.start(ctx)
	}
	if err != nil {
		s.release()
		return nil, err
	}
	life, quit := context.WithCancel(context.Background())
	patience, hurry := context.WithCancel(context.Background())
	s.quit, s.hurry = quit, hurry
	go s.supervise(life, patience, postmaster)
	return s, nil
}

// URL returns the connection string of the database invoq for pgx. It holds
// the password of the superuser, whom no row-level security binds before it
// sets a role, and stays the same for the server's life.
func (s *Server) URL() string {
	return connectionURL(s.cluster.socketDir, s.cluster.password, database)
}

// PID returns the process id of the postmaster, 0 while there is none.
func (s *Server) PID() int { return int(s.pid.Load()) }

// Done is closed when the server has ended for good: after Stop, or when it
// kept dying. No process of it is left then.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says, after Done, why the server could not be kept alive; nil if it was
// stopped.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop ends the server and returns Err when all its processes have ended. What
// is open is rolled back. If the context is done first, the server is ended at
// once and the context's error returned; nothing committed is lost, but the
// next start takes longer. It may be called more than once.
func (s *Server) Stop(ctx context.Context) error {
	s.quit()
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		s.hurry()
		<-s.done
		return fmt.Errorf("stop the private PostgreSQL gently: %w", ctx.Err())
	}
}

// release gives back what Start took.
func (s *Server) release() {
	s.cluster.close()
	unlock(s.lock)
}
