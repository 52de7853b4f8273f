package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"invoq/postgres/private"
)

func TestMain(m *testing.M) { Main(m) }

func one[T any](t *testing.T, pool *pgxpool.Pool, sql string) T {
	t.Helper()
	var value T
	if err := pool.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func execute(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestDatabasesAreApart(t *testing.T) {
	a, b := Pool(t), Pool(t)
	execute(t, a, `CREATE SCHEMA ledger; CREATE TABLE ledger.entry (n int)`)
	if one[bool](t, b, `SELECT to_regclass('ledger.entry') IS NOT NULL`) {
		t.Error("one test sees the table of another")
	}
}

func TestDatabaseGoesWithItsTest(t *testing.T) {
	observer := Pool(t)
	var name string
	t.Run("inner", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), URL(t))
		noError(t, err)
		name = conn.Config().Database
		// It forgets to close the connection, which does not keep the database.
	})
	if one[bool](t, observer, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = '`+name+`')`) {
		t.Errorf("database %q is left", name)
	}
}

func TestTemplateIsFilledOnce(t *testing.T) {
	var fills atomic.Int64
	filled := Template{Name: "filled " + rand.Text(), Fill: func(ctx context.Context, url string) error {
		fills.Add(1)
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, `CREATE TABLE plan (name text); INSERT INTO plan VALUES ('pro')`)
		return err
	}}
	a, b := Pool(t, filled), Pool(t, filled)
	execute(t, a, `DELETE FROM plan`)
	if name := one[string](t, b, `SELECT name FROM plan`); name != "pro" {
		t.Errorf("plan %q, want pro", name)
	}
	if os.Getenv("INVOQ_TEST_DATABASE_URL") == "" && fills.Load() != 1 {
		t.Errorf("filled %d times, want once", fills.Load())
	}
}

func TestTestsMayRunInParallel(t *testing.T) {
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			pool := Pool(t)
			execute(t, pool, `CREATE TABLE mine (n int)`)
		})
	}
}

func TestPrivateServerSurvivesWhatATestDoesToIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	s := Private(t)
	pool, err := pgxpool.New(t.Context(), s.URL())
	noError(t, err)
	defer pool.Close()
	if one[string](t, pool, `SHOW fsync`) != "on" {
		t.Error("the server is not durable")
	}
	execute(t, pool, `CREATE TABLE kept AS SELECT 42 AS n`)
	killed := s.PID()
	s.Kill(t)
	for s.PID() == killed || s.PID() == 0 {
		select {
		case <-s.Done():
			t.Fatal(s.Err())
		case <-time.After(time.Millisecond):
		}
	}
	pool.Reset()
	if n := one[int](t, pool, `SELECT n FROM kept`); n != 42 {
		t.Errorf("kept %d after the kill, want 42", n)
	}
	s.Stop(t)
	if _, err := pool.Exec(t.Context(), `SELECT 1`); err == nil {
		t.Error("a stopped server answers")
	}
	s.Start(t)
	pool.Reset()
	if n := one[int](t, pool, `SELECT n FROM kept`); n != 42 {
		t.Errorf("kept %d after the restart, want 42", n)
	}
}

func TestGivenServerIsLeftAsItWas(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	s := Private(t)
	t.Setenv("INVOQ_TEST_DATABASE_URL", s.URL())
	h, err := newHost(t.Context())
	noError(t, err)
	fail := errors.New("no plan today")
	template := Template{Name: "t", Fill: func(context.Context, string) error { return fail }}
	if _, err := h.create(t.Context(), []Template{template}); !errors.Is(err, fail) {
		t.Errorf("a template that fails: %v", err)
	}
	template.Fill = func(context.Context, string) error { return nil }
	for _, from := range [][]Template{nil, {template}, {template}} {
		name, err := h.create(t.Context(), from)
		if err == nil {
			err = h.drop(t.Context(), name)
		}
		if err != nil {
			t.Error(err)
		}
	}
	h.close()
	pool, err := pgxpool.New(t.Context(), s.URL())
	noError(t, err)
	defer pool.Close()
	if n := one[int](t, pool, `SELECT count(*) FROM pg_database WHERE datname LIKE 'invoq_test_%'`); n != 0 {
		t.Errorf("%d databases are left", n)
	}
}

// verdict notes how a test would have ended.
type verdict struct {
	testing.TB
	skipped, failed string
}

func (v *verdict) Helper()           {}
func (v *verdict) Skip(args ...any)  { v.skipped = args[0].(error).Error() }
func (v *verdict) Fatal(args ...any) { v.failed = args[0].(error).Error() }

func TestWithoutAServer(t *testing.T) {
	f := func(require string, err error, skips bool) {
		t.Helper()
		t.Setenv("INVOQ_TEST_REQUIRE", require)
		v := &verdict{}
		giveUp(v, err)
		if strings.HasPrefix(v.skipped, err.Error()) != skips {
			t.Errorf("require %q, %v: skipped %q, failed %q", require, err, v.skipped, v.failed)
		}
		if !skips && v.failed != err.Error() {
			t.Errorf("require %q, %v: failed %q", require, err, v.failed)
		}
	}
	f("", private.ErrNoBinaries, true)
	f("1", private.ErrNoBinaries, false)
	f("", private.ErrInUse, false)
}
