package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/backfill"
	"invoq/tsdb"
	"invoq/tsdb/exact"
)

// backfillCmd stores old samples from files.
type backfillCmd struct {
	serverFlags
	Files []string `arg:"" name:"file" help:"OpenMetrics text or CSV, gzip or not; - reads the standard input."`

	Tenant          string   `required:"" help:"Whose samples they are." placeholder:"TENANT"`
	Data            string   `default:"data" env:"INVOQ_DATA" help:"Data folder of the server, running or not; data if not given." placeholder:"DIR"`
	CSV             bool     `name:"csv" help:"The files are CSV, whatever they are called; without it those are that end in .csv or .csv.gz."`
	SkipRefused     bool     `help:"Store what can be stored and count the rest; without it the first sample that is refused ends the command, and nothing is stored."`
	Most            int      `default:"100000000" help:"How many samples are read at most."`
	Retention       duration `default:"15d" env:"INVOQ_RETENTION" help:"Retention of the server; samples may be as old, less a day."`
	SeriesPerTenant int      `default:"1000000" env:"INVOQ_SERIES_PER_TENANT" help:"How many series the files may have."`
	Profiles        string   `env:"INVOQ_PROFILES" help:"The server's metric profiles, where they are not the built-in ones." placeholder:"FILE"`
}

// Help shows the forms and how the command is used.
func (c *backfillCmd) Help() string {
	return `Stores samples of the past, which are then counted into windows and billed as if they had come in time.

  invoq backfill --tenant acme history.om.gz
  invoq backfill --tenant acme --data /var/lib/invoq may.csv june.csv
  zcat *.om.gz | invoq backfill --tenant acme -

OpenMetrics text needs a time for every sample and ends with # EOF:

  fn_requests_total{service="waiter",pod="p1"} 17 1767268800
  # EOF

CSV has a line of names: timestamp (RFC 3339, or seconds since 1970), value, __name__ and labels:

  timestamp,value,__name__,service,pod
  2026-01-01T12:00:00Z,17,fn_requests_total,waiter,p1

The command runs on the server's machine, as its user. A running server takes the samples over; otherwise they are there
when it starts. What is stored already stays: running the command twice changes nothing. A sample that is refused is
named with its line, and then nothing is stored, unless --skip-refused is given. Windows are counted within 5 minutes of
a running server, or at its start. A tenant that is not known is registered with them, and the command says so.

The exit code is 0 when every sample is stored, now or before. It is 2 when samples were refused: without --skip-refused
nothing is stored then, with it all the others are. It is 1 for all else, such as samples
that differ from what is stored.`
}

// Run stages the files' samples, and has them taken over.
func (c *backfillCmd) Run(ctx context.Context, std stdio) (err error) {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	running, err := tsdb.InUse(cfg.Dir)
	if err != nil {
		return err
	}
	if running {
		// Said before the work is done.
		if err := c.ready(ctx); err != nil {
			return err
		}
	}
	log := slog.New(slog.DiscardHandler)
	staged, err := tsdb.OpenStaging(cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, staged.Remove()) }()
	loader, err := c.load(ctx, std, staged)
	if err := errors.Join(err, staged.Close(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	c.tellNew(ctx, std.err, running)
	var done adopted
	if running {
		done, err = c.handOver(ctx, staged.ID)
	} else {
		done, err = adoptAlone(ctx, cfg, staged.ID, log)
	}
	if err != nil {
		return err
	}
	return done.tell(std.out, loader, running)
}

// config says how the server keeps samples.
func (c *backfillCmd) config() (tsdb.Config, error) {
	if err := invoq.ValidateName("the tenant's name", c.Tenant); err != nil {
		return tsdb.Config{}, err
	}
	profiles, err := (&serveCmd{Profiles: c.Profiles}).profiles()
	if err != nil {
		return tsdb.Config{}, err
	}
	dir, err := filepath.Abs(c.Data)
	if err != nil {
		return tsdb.Config{}, fmt.Errorf("find data folder: %w", err)
	}
	if c.KeyFile == defaultKeyFile {
		c.KeyFile = filepath.Join(dir, ownerKeyFile)
	}
	return c.tsdb(dir, profiles)
}

// tsdb returns the configuration of a store in the data folder.
func (c *backfillCmd) tsdb(dir string, profiles exact.Profiles) (tsdb.Config, error) {
	cfg := tsdb.DefaultConfig(filepath.Join(dir, "tsdb"))
	cfg.Retention = time.Duration(c.Retention)
	cfg.SeriesPerTenant = c.SeriesPerTenant
	cfg.Billable = profiles.Billable
	if cfg.Retention <= tsdb.RetentionMargin+cfg.Lateness {
		return cfg, invoq.Errorf(invoq.KindUnprocessable,
			"retention %s leaves nothing to backfill: old samples may be as old, less a day", cfg.Retention)
	}
	return cfg, cfg.Validate()
}

// ready asks the running server whether it would take samples over.
func (c *backfillCmd) ready(ctx context.Context) error {
	var answer struct{ Status string }
	err := c.call(ctx, http.MethodGet, "/api/v1/status/buildinfo", nil, &answer)
	if err != nil {
		return fmt.Errorf("the server of %s is running and has to take the samples over: %w", c.Data, err)
	}
	return nil
}

// tellNew says whether the tenant is a new one: samples of a name that nobody
// has register it, and a typing error looks the same. Without a server nobody
// knows, since its database does not run either.
func (c *backfillCmd) tellNew(ctx context.Context, w io.Writer, running bool) {
	if !running {
		fmt.Fprintf(w, "a server that starts here registers tenant %q, if there is none of that name\n", c.Tenant)
		return
	}
	var answer struct{ ID string }
	err := c.call(ctx, http.MethodGet, "/api/v1/tenants/"+url.PathEscape(c.Tenant), nil, &answer)
	if invoq.KindOf(err) == invoq.KindNotFound {
		fmt.Fprintf(w, "registers tenant %q with its first windows: there was none of that name\n", c.Tenant)
	}
}

// load stages the samples of all files.
func (c *backfillCmd) load(ctx context.Context, std stdio, to *tsdb.Staging) (*backfill.Loader, error) {
	l := &backfill.Loader{
		Receiver: ingest.NewReceiver(to.Writer(), ingest.DefaultLimits(), metrics.NewSet()),
		Tenant:   invoq.TenantName(c.Tenant), Skip: c.SkipRefused, Most: c.Most,
	}
	for _, name := range c.Files {
		if err := c.loadFile(ctx, std, name, l); err != nil {
			return l, fmt.Errorf("%s: %w", name, err)
		}
	}
	return l, nil
}

// loadFile stages the samples of one file, with a bar of how far it is.
func (c *backfillCmd) loadFile(ctx context.Context, std stdio, name string, l *backfill.Loader) error {
	in, size, err := openInput(name, std.in)
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "%v", err)
	}
	defer in.Close()
	bar := inputBar(std.err, filepath.Base(name), size)
	plain, err := gunzip(progressReader{in, bar})
	if err != nil {
		return err
	}
	read := backfill.OpenMetrics
	base := strings.TrimSuffix(name, ".gz")
	if c.CSV || strings.HasSuffix(base, ".csv") {
		read = backfill.CSV
	}
	err = l.Load(ctx, read(plain))
	if bar != nil {
		err = errors.Join(err, bar.Finish())
	}
	return err
}

// adopted is what became of the samples, as the server answers it.
type adopted struct {
	Stored, Known, Conflicts, Refused, Blocks int
	Conflict, Reason                          string
}

// handOver has the running server take the staged samples over.
func (c *backfillCmd) handOver(ctx context.Context, id string) (adopted, error) {
	var answer struct{ Data adopted }
	path := "/api/v1/admin/tsdb/backfill?name=" + url.QueryEscape(id)
	err := c.call(ctx, http.MethodPost, path, nil, &answer)
	return answer.Data, err
}

// adoptAlone takes the samples over where no server runs.
func adoptAlone(ctx context.Context, cfg tsdb.Config, id string, log *slog.Logger) (adopted, error) {
	cfg.KeepAll = true // How long samples are kept is the server's to say.
	store, err := tsdb.Open(cfg, log)
	if err != nil {
		return adopted{}, fmt.Errorf("open the data folder: %w", err)
	}
	done, err := store.Adopt(ctx, id)
	err = errors.Join(err, store.Close(context.WithoutCancel(ctx)))
	a := adopted{
		Stored: done.Stored, Known: done.Known, Conflicts: done.Conflicts, Conflict: done.Conflict,
		Refused: done.Refused.Total(), Blocks: done.Blocks,
	}
	if refused := done.Refused.Err(done.Stored); refused != nil {
		a.Reason = refused.Error()
	}
	return a, err
}

// tell prints what was done. What is not stored is an error, so that a script
// notices.
func (a adopted) tell(w io.Writer, l *backfill.Loader, running bool) error {
	fmt.Fprintf(w, "%d samples read: %d stored in %d new blocks, %d were stored before\n",
		l.Read, a.Stored, a.Blocks, a.Known)
	if a.Stored > 0 && running {
		fmt.Fprintln(w, "their windows are counted within 5 minutes")
	}
	if a.Stored > 0 && !running {
		fmt.Fprintln(w, "their windows are counted when the server starts")
	}
	var errs []error
	if a.Conflicts > 0 {
		errs = append(errs, fmt.Errorf("%d samples differ from what is stored for the same time, which stays "+
			"(such as %s)", a.Conflicts, a.Conflict))
	}
	if err := l.Refused.Err(a.Stored); err != nil {
		errs = append(errs, err)
	}
	if l.Refused.Count(ingest.TooOld) > 0 {
		errs = append(errs, errors.New("a backfill reaches back for the retention less a day"))
	}
	if a.Refused > 0 {
		errs = append(errs, errors.New(a.Reason))
	}
	return errors.Join(errs...)
}
