package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"invoq"
	"invoq/postgres/private"
)

// outside is a Postgres of the test's own, which it may stop under the server.
type outside struct {
	t   testing.TB
	dir string
	*private.Server
}

func newOutside(t testing.TB) *outside {
	t.Helper()
	dir, err := os.MkdirTemp("", "invoq-pg-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o := &outside{t: t, dir: dir}
	o.up()
	t.Cleanup(func() {
		o.down()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return o
}

func (o *outside) up() {
	o.t.Helper()
	var err error
	o.Server, err = private.Start(context.Background(), private.Config{
		Dir: filepath.Join(o.dir, "postgres"), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *outside) down() {
	o.t.Helper()
	if err := o.Stop(context.Background()); err != nil {
		o.t.Error(err)
	}
}

// sendEvents sends batches of new events from eight senders and returns how long it
// took. Bodies are made before the clock runs.
func sendEvents(t testing.TB, s *server, from, batches, size int) time.Duration {
	t.Helper()
	return sendBatches(t, s, batchOf, from, batches, size)
}

// sendBatches does so with batches of any kind.
func sendBatches(
	t testing.TB, s *server, batchOf func(from, size int) []byte, from, batches, size int,
) time.Duration {
	t.Helper()
	bodies := make([][]byte, batches)
	for i := range bodies {
		bodies[i] = batchOf(from+i*size, size)
	}
	var next atomic.Int64
	var senders sync.WaitGroup
	started := time.Now()
	for range 8 {
		senders.Go(func() {
			for i := next.Add(1) - 1; i < int64(batches); i = next.Add(1) - 1 {
				a, ok := s.do(http.MethodPost, "/api/v1/usage", bodies[i], "Content-Type", "application/json")
				if !ok || a.status != http.StatusAccepted {
					t.Errorf("batch %d: %d %s", i, a.status, a.body)
					return
				}
			}
		})
	}
	senders.Wait()
	return time.Since(started)
}

// batchOf returns a body of events of about 250 bytes, of ten tenants with a
// hundred users.
func batchOf(from, size int) []byte {
	var b bytes.Buffer
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour) // The same for a day.
	for n := from; n < from+size; n++ {
		b.WriteString(map[bool]string{true: "[", false: ","}[n == from])
		appendEvent(&b, n, at)
	}
	b.WriteString("]")
	return b.Bytes()
}

// appendEvent writes the n-th event of those that begin at an instant.
func appendEvent(b *bytes.Buffer, n int, first time.Time) {
	fmt.Fprintf(b, `{"tenant_id":"tenant-%d","userId":"user-%d","platformId":"assistant",`+
		`"resourceType":"AI_TOKENS","provider":"openai","service":"gpt-4","quantity":%s,`+
		`"requestId":"req-%012d","timestamp":%q,"labels":{"region":"eu-central-1"}}`,
		n%10, n%100, quantityOf(n), n, first.Add(time.Duration(n)*time.Microsecond).UTC().Format(time.RFC3339Nano))
}

// quantityOf is how much the n-th event is of.
func quantityOf(n int) invoq.Decimal { return invoq.NewDecimal(int64(n%4000)*10+5, -1) }

// While the database is down events are taken; when it is back they are posted,
// each once.
func TestEventsWhileTheDatabaseIsDown(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a server for some seconds")
	}
	pg := newOutside(t)
	s := start(t, "--database-url", pg.URL())
	sendEvents(t, s, 0, 10, 100)
	s.waitForEntries(1000)
	pg.down()
	sendEvents(t, s, 1000, 50, 100)
	pg.up()
	s.waitForEntries(6000)
	// The same again is nothing new, wherever it is remembered.
	a, _ := s.do(http.MethodPost, "/api/v1/usage", batchOf(500, 100), "Content-Type", "application/json")
	if a.status != http.StatusOK {
		t.Errorf("sent again: %d %s", a.status, a.body)
	}
	s.waitForEntries(6000)
}
