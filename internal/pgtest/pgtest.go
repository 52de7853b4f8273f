package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"
)

// Template is a database that is filled once a process and cloned for each
// test that names it.
type Template struct {
	// Name tells templates apart.
	Name string
	// Fill gets the URL of an empty database. It must close its connections.
	Fill func(ctx context.Context, url string) error
}

// shared is the one server of the process: its tests have no other owner in
// common that could hold it.
var shared struct {
	sync.Mutex
	host *host
	err  error
}

// URL returns the connection string of a database for this test alone, which
// is dropped when the test ends: a clone of the template, or empty without.
func URL(t testing.TB, template ...Template) string {
	t.Helper()
	if len(template) > 1 {
		panic("BUG: a database is the clone of one template")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.host == nil && shared.err == nil {
		shared.host, shared.err = newHost(t.Context())
	}
	if shared.err != nil {
		giveUp(t, shared.err)
	}
	name, err := shared.host.create(t.Context(), template)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { drop(t, name) })
	return shared.host.url(name)
}

// drop removes the database even if the test left connections open.
func drop(t testing.TB, name string) {
	shared.Lock()
	defer shared.Unlock()
	if shared.host == nil {
		return // Stop was first, and the database went with the server
	}
	if err := shared.host.drop(context.Background(), name); err != nil {
		t.Error(err)
	}
}

// Pool returns a pool on a database as URL gives it, closed when the test
// ends.
func Pool(t testing.TB, template ...Template) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), URL(t, template...))
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Main runs a package's tests, ends the shared server and fails if goroutines
// are left: the body of a TestMain.
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	Stop()
	if err := goleak.Find(options...); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Stop ends the shared server now rather than with the process, for a TestMain
// that does more than Main.
func Stop() {
	shared.Lock()
	defer shared.Unlock()
	if shared.host != nil {
		shared.host.close()
	}
	shared.host, shared.err = nil, nil
}
