package booktest

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
	"invoq/billing"
	"invoq/ledger"
	"invoq/metering"
	"invoq/postgres"
)

// Post brings the book of a database up to what its windows say, and the stored
// sums of months up to the book. Nobody else may write to the book meanwhile.
func Post(t testing.TB, db *postgres.DB) {
	t.Helper()
	if err := Fill(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}

// Fill is Post for templates of databases.
func Fill(ctx context.Context, db *postgres.DB) error {
	return with(ctx, db, nil, func(w *ledger.Writer) error {
		p := metering.NewPoster(db, billing.NewCutter(db), w, metering.PosterConfig{Lateness: 2 * time.Hour},
			slog.New(slog.DiscardHandler), metrics.NewSet())
		// Tests count usage ahead of the clock, too.
		return p.Post(ctx, time.Now().AddDate(1, 0, 0))
	})
}

// Tell posts events, which the rater prices; nil leaves them without a price.
func Tell(t testing.TB, db *postgres.DB, rater ledger.Rater, all ...invoq.Event) {
	t.Helper()
	err := with(t.Context(), db, rater, func(w *ledger.Writer) error { return w.Post(t.Context(), all) })
	if err != nil {
		t.Fatal(err)
	}
}

// with opens the book for a moment, and adds the new entries to the stored sums.
func with(
	ctx context.Context, db *postgres.DB, rater ledger.Rater, do func(*ledger.Writer) error,
) error {
	dir, err := os.MkdirTemp("", "book")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	quiet := slog.New(slog.DiscardHandler)
	book, err := ledger.Open(ctx, ledger.Config{
		Store: db, Rater: rater, Folder: ledger.Folder(dir), Name: "test/ledger", Log: quiet, Now: time.Now,
	})
	if err != nil {
		return err
	}
	err = do(ledger.NewWriter(book, quiet, metrics.NewSet()))
	return errors.Join(err, book.Close(ctx), db.SumMonths(ctx))
}
