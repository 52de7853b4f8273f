package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"invoq"
	"invoq/tsdb"
	"invoq/tsdb/exact"
)

// shutdownTime bounds a graceful shutdown.
const shutdownTime = 30 * time.Second

// serveCmd is the server. Its flags are the configuration.
type serveCmd struct {
	Config configFile `help:"YAML file of settings; keys are flags without the dashes." env:"INVOQ_CONFIG" placeholder:"FILE"`

	Data        string `default:"data" env:"INVOQ_DATA" help:"Folder for all that is kept, data if not given." placeholder:"DIR"`
	Listen      string `default:"127.0.0.1:8080" env:"INVOQ_LISTEN" help:"Address to listen on, 127.0.0.1:8080 if not given." placeholder:"ADDR"`
	DatabaseURL string `env:"INVOQ_DATABASE_URL" help:"Postgres to use, as postgres://user:password@host/db. Without it a private one runs in the data folder." placeholder:"URL"`
	PostgresBin string `env:"INVOQ_POSTGRES_BIN" help:"Folder of the Postgres server's programs, when they are not found." placeholder:"DIR"`

	Retention       duration `default:"15d" env:"INVOQ_RETENTION" help:"How long raw samples are kept; usage and bills are kept for ever."`
	Lateness        duration `default:"2h" env:"INVOQ_LATENESS" help:"How old a sample may be when it comes. Windows close after it."`
	Predictions     duration `default:"365d" env:"INVOQ_PREDICTIONS" help:"How long predictions are kept, at least 120d."`
	PredictServices int      `default:"5" env:"INVOQ_PREDICT_SERVICES" help:"How many services of a tenant, the busiest, are predicted by themselves every hour; each costs what the tenant does."`
	Durability      string   `default:"fsync" env:"INVOQ_DURABILITY" help:"fsync: samples are on disk before they are acknowledged. async:1s: within a second."`
	SeriesPerTenant int      `default:"1000000" env:"INVOQ_SERIES_PER_TENANT" help:"How many active series one tenant may have."`

	QueueURL      string `env:"INVOQ_QUEUE_URL" help:"NATS with JetStream in which events wait, as nats://host:4222. Without it they wait in the data folder." placeholder:"URL"`
	QueueReplicas int    `default:"1" env:"INVOQ_QUEUE_REPLICAS" help:"On how many nodes of an outside NATS cluster each event is kept: 1, 3 or 5."`
	QueueMB       int64  `name:"queue-mb" default:"4096" env:"INVOQ_QUEUE_MB" help:"Disk for events that wait for the database, in MB; when it is full, senders are told to come again."`
	BookName      string `default:"invoq/ledger" env:"INVOQ_BOOK_NAME" help:"Name of the ledger in its signed heads; it is fixed at the first start." placeholder:"NAME"`

	DiskFloorMB      int64   `name:"disk-floor-mb" default:"512" env:"INVOQ_DISK_FLOOR_MB" help:"How many MB of a disk have to stay free; below it nothing is taken in, until there is room again."`
	DiskFloorPercent float64 `default:"5" env:"INVOQ_DISK_FLOOR_PERCENT" help:"The same as a part of the whole disk, in percent; the larger of the two holds."`
	BallastMB        int64   `name:"ballast-mb" default:"256" env:"INVOQ_BALLAST_MB" help:"Size of the file ballast that may be deleted when a disk is full, in MB; 0 for none. On a small disk it is smaller."`

	TenantMap     map[string]string `env:"INVOQ_TENANT_MAP" help:"Which tenant owns a Kubernetes namespace, for keys that may write for all: NAMESPACE=TENANT;… with * for any namespace or for its own name." placeholder:"NS=TENANT"`
	DefaultTenant string            `default:"default" env:"INVOQ_DEFAULT_TENANT" help:"Tenant of samples of such keys that name none."`
	FirstSight    string            `default:"count" enum:"count,skip" env:"INVOQ_FIRST_SIGHT" help:"Whether first samples whose start nobody tells count while their tenant is newly watched: count, or skip for fleets that have long been running."`
	Profiles      string            `env:"INVOQ_PROFILES" help:"YAML file of metric profiles that replaces the built-in ones." placeholder:"FILE"`
	Activator     []string          `name:"count-by-activator" env:"INVOQ_COUNT_BY_ACTIVATOR" help:"Knative services that are counted by the activator's series, since their queue-proxies export none or none that name them: NAMESPACE/SERVICE,… with * for any. All their requests must go through the activator (target-burst-capacity: -1)." placeholder:"NS/SERVICE"`
	OTLPPromote   []string          `name:"otlp-promote" env:"INVOQ_OTLP_PROMOTE" help:"Further OpenTelemetry resource attributes that become labels of every series, such as team.name." placeholder:"ATTR"`

	SecureCookies bool   `env:"INVOQ_SECURE_COOKIES" help:"Keep the pages' cookies to https; set it behind a proxy that speaks TLS."`
	OwnerKeyFile  string `env:"INVOQ_OWNER_KEY_FILE" help:"File with an owner key to accept, made with invoq keygen." placeholder:"FILE"`
	NewOwnerKey   bool   `help:"Make another owner key and write it to the data folder."`
	LogLevel      string `default:"info" enum:"debug,info,warn,error" env:"INVOQ_LOG_LEVEL" help:"debug, info, warn or error."`
	LogFormat     string `default:"text" enum:"text,json" env:"INVOQ_LOG_FORMAT" help:"text or json."`
}

// Help shows how the command is used.
func (s *serveCmd) Help() string {
	return `Takes samples by Prometheus remote write, counts usage, prices it and shows it.

  invoq serve                              everything in ./data, on 127.0.0.1:8080
  invoq serve --data /var/lib/invoq --listen :8080
  invoq serve --database-url postgres://invoq:secret@db/invoq
  invoq serve --tenant-map 'shop=acme;*=*' namespace shop is acme's, others are tenants themselves

The first start writes an owner API key to owner.key in the data folder and logs where.`
}

// Run serves until the context ends.
func (s *serveCmd) Run(ctx context.Context, std stdio) error {
	saveMemory()
	log := s.logger(std.err)
	h := &house{cfg: s, log: log, life: lifecycle{log: log}, terminal: terminal(std.err)}
	err := h.open(ctx)
	if err == nil {
		err = h.serve(ctx)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return errors.Join(err, h.life.shutdown(closing))
}

// gcPercent is how much garbage may pile up against what is in use before it is
// collected. Taking samples in makes little garbage and most of what is in use
// are the series, so that collecting twice as often as Go does costs a hundredth
// of the processor and saves a quarter of the memory.
const gcPercent = 50

// saveMemory has garbage collected early, unless the user has said when.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// logger returns the one logger, which every part is handed.
func (s *serveCmd) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		panic("BUG: log level " + s.LogLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// dataDir makes the data folder and returns its absolute path.
func (s *serveCmd) dataDir() (string, error) {
	dir, err := filepath.Abs(s.Data)
	if err != nil {
		return "", fmt.Errorf("find data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create data folder: %w", err)
	}
	return dir, nil
}

// syncInterval reads --durability: 0 syncs before every acknowledgement.
func (s *serveCmd) syncInterval() (time.Duration, error) {
	if s.Durability == "fsync" {
		return 0, nil
	}
	var d duration
	every, ok := strings.CutPrefix(s.Durability, "async:")
	if !ok || d.UnmarshalText([]byte(every)) != nil || d <= 0 {
		return 0, invoq.Errorf(
			invoq.KindUnprocessable,
			"durability %q is neither fsync nor async:1s",
			s.Durability,
		)
	}
	return time.Duration(d), nil
}

// profiles returns the metric profiles of the user's file, or our own.
func (s *serveCmd) profiles() (exact.Profiles, error) {
	if s.Profiles == "" {
		return exact.BuiltinProfiles(), nil
	}
	b, err := os.ReadFile(s.Profiles)
	if err != nil {
		return nil, invoq.Errorf(invoq.KindUnprocessable, "read metric profiles: %v", err)
	}
	return exact.ParseProfiles(b)
}

// terminal returns the writer if it is a terminal, else nil.
func terminal(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return f
}

// barsOn returns where progress bars for w are drawn: nowhere, unless it is a
// terminal. In a file each step of a bar would stand behind the last.
func barsOn(w io.Writer) io.Writer {
	if t := terminal(w); t != nil {
		return t
	}
	return io.Discard
}

// tsdb says how samples are kept, if that can be done.
func (s *serveCmd) tsdb(dir string, profiles exact.Profiles) (tsdb.Config, error) {
	cfg := tsdb.DefaultConfig(filepath.Join(dir, tsdbDir))
	cfg.Retention, cfg.Lateness = time.Duration(s.Retention), time.Duration(s.Lateness)
	cfg.SeriesPerTenant = s.SeriesPerTenant
	cfg.Billable = profiles.Billable
	var err error
	if cfg.SyncInterval, err = s.syncInterval(); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

// validate checks the settings that are read late, or by nobody but senders.
func (s *serveCmd) validate() error {
	if err := invoq.ValidateName("the default tenant's name", s.DefaultTenant); err != nil {
		return err
	}
	for namespace, tenant := range s.TenantMap {
		what := fmt.Sprintf("the tenant of namespace %q in the tenant map", namespace)
		if err := invoq.ValidateName(what, tenant); err != nil {
			return err
		}
	}
	for _, pattern := range s.Activator {
		if _, err := path.Match(pattern, ""); err != nil || strings.Count(pattern, "/") != 1 {
			return invoq.Errorf(invoq.KindUnprocessable,
				"count-by-activator %q is not NAMESPACE/SERVICE, with * for any", pattern)
		}
	}
	if s.OwnerKeyFile == "" {
		return nil
	}
	if _, err := readKey(s.OwnerKeyFile); err != nil {
		return invoq.Errorf(invoq.KindUnprocessable, "%s: %v; make one with invoq keygen", s.OwnerKeyFile, err)
	}
	return nil
}

// activatorProfile is the profile of services that the activator counts.
const activatorProfile = "knative-activator"

// chosen says which services are counted by the activator's series.
func (s *serveCmd) chosen(key invoq.ServiceKey) (exact.Source, bool) {
	name := key.Namespace + "/" + key.Service
	for _, pattern := range s.Activator {
		if is, err := path.Match(pattern, name); err == nil && is {
			return exact.Source{Profile: activatorProfile}, true
		}
	}
	return exact.Source{}, false
}

// listen takes the address before any store is opened: a port that is taken is
// the most common mistake.
func (s *serveCmd) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return nil, invoq.Errorf(
			invoq.KindUnprocessable,
			"cannot listen on %s: %v; choose another address with --listen",
			s.Listen,
			err,
		)
	}
	return l, nil
}
