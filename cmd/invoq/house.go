package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"

	"invoq"
	"invoq/access"
	"invoq/api"
	"invoq/billing"
	"invoq/dashboards"
	"invoq/disk"
	"invoq/ingest"
	"invoq/ingest/events"
	"invoq/ingest/otlp"
	"invoq/jobs"
	"invoq/ledger"
	"invoq/metering"
	"invoq/outlook"
	"invoq/postgres"
	"invoq/postgres/private"
	"invoq/queue"
	"invoq/series"
	"invoq/tsdb"
	"invoq/tsdb/exact"
)

// house is the server put together: each part is opened after what it stands
// on, and closed before it.
type house struct {
	cfg  *serveCmd
	log  *slog.Logger
	life lifecycle
	dir  string
	set  *metrics.Set
	// terminal is where somebody reads what is not for the log; nil where nobody
	// does.
	terminal io.Writer
	// tsdb is how samples are kept.
	tsdb tsdb.Config

	// disks are the watched disks of the data folder and of folders in it that
	// are on disks of their own.
	disks []*disk.Watch
	// databaseDisk is that of a private database, nil with one of the user's.
	databaseDisk *disk.Watch

	listener   net.Listener
	database   *private.Server // nil with a database of the user's
	db         *postgres.DB
	pepper     []byte
	keyring    *access.Keyring
	sessions   *access.Sessions
	profiles   exact.Profiles
	store      *tsdb.Store
	queue      *queue.Queue
	writer     *ledger.Writer
	events     *events.Intake
	costs      *billing.Costs
	aggregator *metering.Aggregator
	poster     *metering.Poster
	overviews  *billing.Overviews
	outlooks   *outlook.Outlooks
	jobs       *jobs.Runner
	server     *api.Server
}

// open opens the parts in the order in which they stand on each other. What was
// opened before a failure is closed by the caller's shutdown.
func (h *house) open(ctx context.Context) (err error) {
	h.set = metrics.NewSet()
	if h.dir, err = h.cfg.dataDir(); err != nil {
		return err
	}
	// What only the user can mend is found before anything is started.
	if h.profiles, err = h.cfg.profiles(); err != nil {
		return err
	}
	if h.tsdb, err = h.cfg.tsdb(h.dir, h.profiles); err != nil {
		return err
	}
	if err := h.cfg.validate(); err != nil {
		return err
	}
	for _, open := range []func(context.Context) error{
		h.openDisks, h.openListener, h.openDatabase, h.openAccess, h.openStore, h.openLedger, h.openQueue,
		h.openMetering, h.openOverviews, h.openAPI,
	} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	return nil
}

// openListener takes the address.
func (h *house) openListener(ctx context.Context) (err error) {
	if h.listener, err = h.cfg.listen(ctx); err != nil {
		return err
	}
	h.life.add("listener", func(context.Context) error {
		h.listener.Close() // The HTTP server has closed it already, if it ever ran.
		return nil
	})
	return nil
}

// openDatabase connects to the user's database, or starts a private one first.
func (h *house) openDatabase(ctx context.Context) error {
	url := h.cfg.DatabaseURL
	if url == "" {
		var err error
		h.database, err = private.Start(ctx, private.Config{
			Dir:    filepath.Join(h.dir, postgresDir),
			BinDir: h.cfg.PostgresBin,
			Logger: h.log.With("part", "postgres"),
		})
		if err != nil {
			return fmt.Errorf("start the private database: %w", err)
		}
		h.life.add("private database", h.database.Stop)
		url = h.database.URL()
	}
	db, err := postgres.Open(ctx, url, h.log)
	if err != nil {
		return err
	}
	h.db = db
	h.life.add("database", func(context.Context) error {
		db.Close()
		return nil
	})
	db.Measure(h.set)
	return nil
}

// openAccess prepares keys and sessions, and sees to it that the owner has a key.
func (h *house) openAccess(ctx context.Context) error {
	var err error
	if h.pepper, err = h.db.Secret(ctx, "api keys"); err != nil {
		return err
	}
	cookies, err := h.db.Secret(ctx, "sessions")
	if err != nil {
		return err
	}
	h.keyring = access.NewKeyring(h.db, h.pepper, time.Now)
	h.sessions = access.NewSessions(h.keyring, cookies, time.Now)
	if h.cfg.OwnerKeyFile != "" {
		if err := adoptOwnerKey(ctx, h.db, h.pepper, h.cfg.OwnerKeyFile); err != nil {
			return err
		}
	}
	path, err := ensureOwnerKey(ctx, h.db, h.pepper, h.dir, h.cfg.NewOwnerKey)
	if err != nil {
		return err
	}
	if path != "" {
		h.log.Info("wrote an owner API key; keep it safe", "file", path)
	}
	return nil
}

// openStore opens the TSDB, which replays its log.
func (h *house) openStore(context.Context) (err error) {
	started := time.Now()
	if h.tsdb.Disk, err = h.disk(h.tsdb.Dir); err != nil {
		return err
	}
	if h.store, err = tsdb.Open(h.tsdb, h.log); err != nil {
		return err
	}
	h.log.Info("opened the TSDB", "dir", h.tsdb.Dir, "dur", time.Since(started))
	h.life.add("tsdb", h.store.Close)
	return nil
}

// settleTime is how long after its end an hour is posted to the book. Scrapes are
// in by then; what comes later is posted as a correction.
const settleTime = 10 * time.Minute

// openMetering starts the job that counts windows. Jobs are closed before the
// stores they write to.
func (h *house) openMetering(ctx context.Context) error {
	h.aggregator = metering.New(metering.Config{SkipFirstSight: h.cfg.FirstSight == "skip", Chosen: h.cfg.chosen},
		h.store, h.db, h.profiles, h.log, h.set)
	h.poster = metering.NewPoster(h.db, billing.NewCutter(h.db), h.writer, metering.PosterConfig{
		Settle: settleTime, Lateness: time.Duration(h.cfg.Lateness),
	}, h.log, h.set)
	bills := billing.NewRunner(h.db, billing.RunConfig{
		Grace: time.Duration(h.cfg.Lateness),
		// Half of the connections: while bills are run, pages must be answered.
		Workers: int(max(h.db.Pool().Config().MaxConns/2, 1)),
	}, h.log, time.Now)
	trueUps := billing.NewTrueUps(h.db, h.writer)
	h.outlooks = outlook.New(h.db)
	keeper, err := outlook.NewKeeper(h.outlooks, outlook.KeeperConfig{
		Grace: time.Duration(h.cfg.Lateness), Retention: time.Duration(h.cfg.Predictions),
		Services: h.cfg.PredictServices,
	}, h.log)
	if err != nil {
		return err
	}
	h.jobs, err = jobs.New(h.db.Pool(), h.log, jobs.Periodic{
		Name: "aggregate", Every: invoq.Window5m.Duration(), Timeout: time.Hour,
		Run: func(ctx context.Context, slot time.Time) error {
			_, err := h.aggregator.Run(ctx, slot)
			h.overviews.Wake()
			if err != nil {
				return err
			}
			counted := h.aggregator.Counted()
			if err := h.poster.Run(ctx, slot); err != nil {
				return err
			}
			if err := h.aggregator.Settled(counted...); err != nil {
				return err
			}
			return h.db.SumMonths(ctx)
		},
	}, jobs.Periodic{
		// A run begins when it is asked for; this finds those that were cut short.
		Name: billRuns, Every: time.Minute, Timeout: billRunTime,
		Run: func(ctx context.Context, _ time.Time) error { return bills.Resume(ctx) },
	}, jobs.Periodic{
		Name: "true-ups", Every: time.Minute, Timeout: time.Hour,
		Run: func(ctx context.Context, _ time.Time) error { return trueUps.Run(ctx) },
	}, jobs.Periodic{
		Name: "predict", Every: time.Hour, Timeout: time.Hour,
		Run: func(ctx context.Context, slot time.Time) error {
			_, err := keeper.Run(ctx, slot)
			return err
		},
	})
	if err != nil {
		return err
	}
	if err := h.jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	h.life.add("jobs", h.jobs.Stop)
	return nil
}

// billRuns is the job that works on bill runs, and billRunTime bounds one go.
const (
	billRuns    = "bill-runs"
	billRunTime = 6 * time.Hour
)

// openOverviews begins to keep the owner's page at hand.
func (h *house) openOverviews(ctx context.Context) error {
	h.overviews = billing.NewOverviews(h.db, h.store.Lateness()+invoq.Window5m.Duration(), h.log, time.Now)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- h.overviews.Run(running) }()
	h.life.add("overviews", func(context.Context) error {
		stop()
		return <-done
	})
	return nil
}

// openAPI puts the HTTP server together; it does not listen yet.
func (h *house) openAPI(context.Context) error {
	pages, err := dashboards.New()
	if err != nil {
		return err
	}
	own, _ := version()
	receiver := ingest.NewReceiver(h.store.Writer(), ingest.DefaultLimits(), h.set)
	translation := otlp.DefaultConfig()
	translation.Promote = append(translation.Promote, h.cfg.OTLPPromote...)
	biller := billing.New(h.db)
	h.server, err = api.New(api.Parts{
		DB: h.db, Keyring: h.keyring, Sessions: h.sessions, Pepper: h.pepper,
		Receiver: receiver, OTLP: otlp.New(receiver, translation),
		Tenancy: h.cfg.tenancy(), Events: h.events, Queue: h.queue, Costs: h.costs,
		Store: h.store, Queries: tsdb.NewQueries(
			h.store, series.New(h.db, biller, time.Now), tsdb.DefaultQueryLimits(), h.log),
		Aggregator: h.aggregator, Poster: h.poster, Biller: biller, Outlooks: h.outlooks,
		Office: billing.NewOffice(h.db, h.store.Lateness(), time.Now),
		StartRuns: func(ctx context.Context, tx postgres.Tx) error {
			return h.jobs.Soon(ctx, tx, billRuns, time.Now())
		},
		Overviews: h.overviews, Pages: pages,
		Metrics: h.set, Gatherers: prometheus.Gatherers{h.store.Registry()},
		Log: h.log, Now: time.Now, Version: own, Secure: h.cfg.SecureCookies,
	})
	return err
}

// tenancy says whose samples are that come with a key for all tenants.
func (s *serveCmd) tenancy() ingest.Tenancy {
	t := ingest.Tenancy{
		Namespaces: map[string]invoq.TenantName{},
		Fallback:   invoq.TenantName(s.DefaultTenant),
	}
	for namespace, tenant := range s.TenantMap {
		t.Namespaces[namespace] = invoq.TenantName(tenant)
	}
	return t
}

// serve answers requests until the context ends or a part fails for good.
func (h *house) serve(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(h.listener) }()
	h.life.add("http", func(ctx context.Context) error {
		if err := h.server.Shutdown(ctx); err != nil {
			return err
		}
		return <-served
	})
	h.announce()
	var gone <-chan struct{}
	if h.database != nil {
		gone = h.database.Done()
	}
	select {
	case <-ctx.Done():
		h.log.Info("stopping")
		return nil
	case err := <-served:
		served <- nil
		return err
	case <-h.store.Failed():
		return fmt.Errorf("the TSDB can take no more samples: %w", h.store.Health())
	case <-h.queue.Failed():
		return fmt.Errorf("the queue can take no more events: %w", h.queue.Health())
	case <-gone:
		return fmt.Errorf("the private database has ended: %w", h.database.Err())
	}
}

// announce says where the server is; on a terminal, with a link that signs in
// once when the owner's key is at hand. A log is no place for it: whoever reads
// the log first would be the owner.
func (h *house) announce() {
	address := "http://" + h.listener.Addr().String()
	h.log.Info("serving", "address", address)
	if h.terminal == nil {
		return
	}
	if secret, err := readKey(filepath.Join(h.dir, ownerKeyFile)); err == nil {
		fmt.Fprintf(h.terminal, "\nOpen this link once, within 15 minutes, to see the pages:\n  %s/login/%s\n\n",
			address, h.sessions.Ticket(secret.Prefix()))
	}
}
