package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"invoq/access"
	"invoq/billing"
	"invoq/dashboards"
	"invoq/ingest"
	"invoq/ingest/events"
	"invoq/ingest/otlp"
	"invoq/metering"
	"invoq/outlook"
	"invoq/postgres"
	"invoq/queue"
	"invoq/tsdb"
)

// Limits of the HTTP server. Bodies of the contract are small; pushed samples
// have limits of their own (ingest.Limits).
const (
	readTimeout     = 10 * time.Second
	writeTimeout    = 60 * time.Second
	idleTimeout     = 60 * time.Second
	headerBytes     = 16 << 10
	jsonBodyBytes   = 1 << 20
	loginBytes      = 4 << 10 // of a form that anybody may send
	maxConnections  = 4096
	requestDeadline = 50 * time.Second
)

// Parts are the rooms that the API opens doors to. All are required.
type Parts struct {
	DB         *postgres.DB
	Keyring    *access.Keyring
	Sessions   *access.Sessions
	Pepper     []byte // what keys are hashed with
	Receiver   *ingest.Receiver
	OTLP       *otlp.Handler // over Receiver
	Tenancy    ingest.Tenancy
	Events     *events.Intake
	Queue      *queue.Queue
	Costs      *billing.Costs
	Store      *tsdb.Store
	Queries    *tsdb.Queries
	Aggregator *metering.Aggregator
	Poster     *metering.Poster
	Biller     *billing.Biller
	Office     *billing.Office
	Outlooks   *outlook.Outlooks
	// StartRuns has bill runs worked on once the transaction is committed.
	StartRuns func(context.Context, postgres.Tx) error
	Overviews *billing.Overviews // somebody else is in its Run
	Pages     *dashboards.Pages
	Metrics   *metrics.Set
	// Gatherers are further sources for /metrics.
	Gatherers prometheus.Gatherers
	Log       *slog.Logger
	Now       func() time.Time
	Version   string
	// Secure marks cookies as for https only.
	Secure bool
}

// Server is the HTTP server.
type Server struct {
	Parts
	app      *fiber.App
	contract *contract
	tenants  *tenantNames
	margins  *monthMargins
	crowd    *crowd
	outbox   *outbox
	m        httpMetrics
	// bodies are buffers of pushed bodies.
	bodies sync.Pool // *bytes.Buffer
	// unready says that the log was told that the server is not ready.
	unready atomic.Bool

	mu        sync.Mutex
	listeners []net.Listener
	stopped   bool
}

// New returns a server that does not listen yet. It fails when the contract has
// an operation without a permission.
func New(p Parts) (*Server, error) {
	s := &Server{
		Parts: p, tenants: newTenantNames(p.DB), margins: &monthMargins{db: p.DB},
		m: newHTTPMetrics(p.Metrics), crowd: newCrowd(p.Metrics), outbox: newOutbox(p.Metrics),
		bodies: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	var err error
	if s.contract, err = loadContract(); err != nil {
		return nil, fmt.Errorf("load the contract: %w", err)
	}
	s.app = fiber.New(fiber.Config{
		AppName:               "Invoq",
		DisableStartupMessage: true,
		ErrorHandler:          s.renderError,
		// Strings handed to handlers stay as they are when the request is over.
		Immutable: true,
		// Bodies are read by handlers that know who is asking, not before.
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		BodyLimit:                    p.Receiver.Limits().WireBytes,
		ReadBufferSize:               headerBytes,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		Concurrency:                  maxConnections,
	})
	s.routes()
	return s, nil
}

// Serve answers requests on the listener until Shutdown, then returns nil; at
// once when that came first.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	stopped := s.stopped
	s.mu.Unlock()
	if stopped {
		return closeAll([]net.Listener{l})
	}
	if err := s.app.Listener(l); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve http: %w", err)
	}
	return nil
}

// Shutdown takes no more requests and waits for those under way.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	listeners := s.listeners
	s.mu.Unlock()
	err := s.app.ShutdownWithContext(ctx)
	// The library knows no listener that it has not begun to serve.
	if err := errors.Join(err, closeAll(listeners)); err != nil {
		return fmt.Errorf("shut down http: %w", err)
	}
	return nil
}

// closeAll closes listeners, some of which may be closed.
func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
