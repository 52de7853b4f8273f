package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"invoq"
	"invoq/ledger"
	"invoq/postgres"
	"invoq/postgres/private"
)

// ledgerDir is the folder of the book's key and signed heads in the data
// folder.
const ledgerDir = "ledger"

// bookFlags say where the book is.
type bookFlags struct {
	Data        string `default:"data" env:"INVOQ_DATA" help:"Data folder of the server: it has the signed heads." placeholder:"DIR"`
	DatabaseURL string `env:"INVOQ_DATABASE_URL" help:"Postgres that the book is in. Without it the private one of the data folder is started, which no server may be using." placeholder:"URL"`
	PostgresBin string `env:"INVOQ_POSTGRES_BIN" help:"Folder of the Postgres server's programs, when they are not found." placeholder:"DIR"`
}

// verifyCmd checks the book.
type verifyCmd struct {
	bookFlags
	JSON  bool   `name:"json" help:"Print the report as JSON."`
	Proof string `help:"Check a proof that invoq prove has written instead, with the public key of the data folder; no database is needed." placeholder:"FILE"`
}

// Help says what is checked and what the exit code means.
func (c *verifyCmd) Help() string {
	return `Recomputes the whole ledger from its entries: the hash of each, the tree above them, the
root of every batch, every signed head, and which requests are remembered. What is not as it was
written is named with the batch and the entry.

The exit code is 0 when all is as it was written, 1 when the ledger or the proof is wrong, and 2
when nothing could be checked. A server with a private database has to be stopped first; with
--proof it need not be.

  invoq verify
  invoq verify --database-url postgres://invoq:secret@db/invoq --data /var/lib/invoq
  invoq verify --json
  invoq verify --proof proof.json      # one entry, offline`
}

// Run verifies the book, or a proof, and says what it found.
func (c *verifyCmd) Run(ctx context.Context, std stdio) error { return verdict(c.verify(ctx, std)) }

// wrong is the verdict on a book or a proof that is not right.
func wrong(err error) error { return codedError{err, exitFailure} }

// verdict keeps exit code 1 for what is wrong; every other error has kept the
// book from being checked.
func verdict(err error) error {
	if _, isWrong := errors.AsType[codedError](err); err == nil || isWrong {
		return err
	}
	return codedError{err, exitUsage}
}

func (c *verifyCmd) verify(ctx context.Context, std stdio) error {
	verifier, err := c.verifier()
	if err != nil {
		return err
	}
	if c.Proof != "" {
		return checkProof(std.out, c.Proof, verifier)
	}
	db, closeDB, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeDB()
	bar := newVerifyBar(barsOn(std.err))
	v := ledger.Verification{
		Source: db, Verifier: verifier, Notes: c.folder().SignedNotes,
		Progress: func(done, total int64) {
			bar.ChangeMax64(total)
			bar.Set64(done) // What cannot be drawn is not worth an error.
		},
	}
	started := time.Now()
	report, err := v.Run(ctx)
	bar.Finish()
	if err != nil {
		return fmt.Errorf("verify the ledger: %w", err)
	}
	return c.tell(std.out, report, time.Since(started))
}

// folder is where the key and the signed heads are.
func (c *bookFlags) folder() ledger.Folder { return ledger.Folder(filepath.Join(c.Data, ledgerDir)) }

// verifier returns the verifier of the book's public key.
func (c *bookFlags) verifier() (*ledger.Verifier, error) {
	v, err := c.folder().Verifier()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, invoq.Errorf(invoq.KindNotFound, "%s has no ledger: say where the server's data "+
			"folder is with --data", c.Data)
	}
	return v, err
}

// open connects to the database that the book is in.
func (c *bookFlags) open(ctx context.Context) (*postgres.DB, func(), error) {
	log := slog.New(slog.DiscardHandler)
	if c.DatabaseURL != "" {
		db, err := postgres.Open(ctx, c.DatabaseURL, log)
		if err != nil {
			return nil, nil, err
		}
		return db, db.Close, nil
	}
	dir, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, nil, fmt.Errorf("find data folder: %w", err)
	}
	server, err := private.Start(ctx, private.Config{
		Dir: filepath.Join(dir, "postgres"), BinDir: c.PostgresBin, Logger: log,
	})
	if errors.Is(err, private.ErrInUse) {
		return nil, nil, fmt.Errorf("start the private database: %w; stop the server first, or say where "+
			"another database with this ledger is by --database-url", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("start the private database: %w", err)
	}
	stop := func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		server.Stop(closing) // It was only read: nothing is lost with it.
	}
	db, err := postgres.Open(ctx, server.URL(), log)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return db, func() { db.Close(); stop() }, nil
}

// tell prints the report; the error is of the exit code.
func (c *verifyCmd) tell(w io.Writer, r *ledger.Report, dur time.Duration) error {
	if c.JSON {
		r.Problems = append([]ledger.Problem{}, r.Problems...) // None is [] and not null.
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	} else {
		tellText(w, r, dur)
	}
	if r.OK() {
		return nil
	}
	return wrong(errors.New("the ledger is not as it was written"))
}

func tellText(w io.Writer, r *ledger.Report, dur time.Duration) {
	fmt.Fprintf(w, "checked %d entries in %d batches against %d signed heads, in %s\nroot %s\n",
		r.Entries, r.Batches, r.Heads, dur.Round(time.Millisecond), r.Root)
	for _, p := range r.Problems {
		fmt.Fprintf(w, "BAD  %s\n", p)
	}
	if r.More > 0 {
		fmt.Fprintf(w, "BAD  and %d more\n", r.More)
	}
	if first, found := r.FirstBad(); found {
		fmt.Fprintf(w, "the first bad batch begins at entry %d\n", first)
	}
	if r.OK() {
		fmt.Fprintln(w, "ok: every entry is what it was when it was posted, and none is missing")
	}
}

// newVerifyBar shows how far the verification is.
func newVerifyBar(w io.Writer) *progressbar.ProgressBar {
	return progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("verifying entries"),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)
}
