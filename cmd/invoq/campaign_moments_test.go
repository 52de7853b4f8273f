package main

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/internal/campaign"
	"invoq/postgres/private"
)

// moment is a state of a working server that can be seen, or brought about,
// from outside, and in which it is killed.
type moment struct {
	name string
	// hold, if not empty, takes a lock in the database that the server will wait
	// for: it is then killed in the middle of what it does.
	hold string
	// change is a query whose result changes at the moment.
	change string
	// file is one that grows at the moment, below the data folder.
	file string
	// do is what the database is told to do while the server is killed.
	do string
}

// moments are the places at which a kill hurts most.
var moments = []moment{
	{name: "events acknowledged, nothing posted", hold: "SELECT pg_advisory_lock(1818584167)"},
	{name: "keys and entries written, batch not", hold: "BEGIN; LOCK TABLE ledger_batches IN SHARE ROW EXCLUSIVE MODE"},
	{name: "posted, not yet forgotten by the queue", change: "SELECT max(first_entry)::text FROM ledger_batches"},
	{name: "head in the file", file: "ledger/heads.txt"},
	{name: "head in the file, not in the database", hold: "BEGIN; LOCK TABLE ledger_heads IN SHARE ROW EXCLUSIVE MODE"},
	{name: "windows counted", change: "SELECT sum(invocations)::text FROM usage_aggregate"},
	{name: "windows on their way from the TSDB", hold: "BEGIN; LOCK TABLE usage_aggregate IN SHARE ROW EXCLUSIVE MODE"},
	{name: "a bill run has made drafts", change: "SELECT count(*)::text FROM bill_run_tenants"},
	{name: "a bill run is storing", hold: "BEGIN; LOCK TABLE bill_run_tenants IN SHARE ROW EXCLUSIVE MODE"},
	{name: "the database is in a checkpoint", do: "CHECKPOINT"},
}

// momentTime is how long a moment is waited for; a kill at any time comes then.
const momentTime = 10 * time.Second

// await waits for the moment and returns its name, or another when it has not
// come.
func (m moment) await(t *testing.T, s *server) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), momentTime)
	defer cancel()
	if m.file != "" {
		path := filepath.Join(s.data, m.file)
		first := changed(path)
		return m.say(poll(ctx, func() bool { return changed(path) != first }))
	}
	// The session ends with the server's database, unless it is ended before.
	conn, err := pgx.Connect(ctx, s.databaseURL())
	if err != nil {
		t.Fatalf("watch the server's database: %v", err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) }) // Mostly the server has.
	query := func(sql string) string {
		var text *string
		if err := conn.QueryRow(ctx, sql).Scan(&text); err != nil || text == nil {
			return ""
		}
		return *text
	}
	switch {
	case m.do != "":
		go func() {
			// It is cut off: that is the point.
			_, _ = conn.Exec(context.WithoutCancel(ctx), m.do)
		}()
		<-time.After(2 * time.Millisecond)
		return m.name
	case m.hold != "":
		if _, err := conn.Exec(ctx, m.hold); err != nil {
			return m.say(false)
		}
		return m.say(poll(ctx, func() bool { return query(waiting) != "" }))
	}
	first := query(m.change)
	return m.say(poll(ctx, func() bool { return query(m.change) != first }))
}

// waiting counts the sessions that wait for one of ours.
const waiting = `
	SELECT nullif(count(*), 0)::text
	FROM pg_stat_activity
	WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))`

func (m moment) say(met bool) string {
	if met {
		return m.name
	}
	return "not met: " + m.name
}

// poll waits until the moment is seen and reports whether it was before the
// context ended.
func poll(ctx context.Context, seen func() bool) bool {
	for !seen() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Millisecond):
		}
	}
	return true
}

// changed returns when a file was last written, or nothing.
func changed(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return info.ModTime().String()
}

// databaseURL is where the server's private database answers while it runs.
func (s *server) databaseURL() string {
	s.t.Helper()
	home := filepath.Join(s.data, "postgres")
	password, err := os.ReadFile(filepath.Join(home, "password"))
	if err != nil {
		s.t.Fatal(err)
	}
	u := url.URL{
		Scheme: "postgres", Path: "/invoq", User: url.UserPassword("invoq", strings.TrimSpace(string(password))),
		RawQuery: "host=" + url.QueryEscape(filepath.Join(home, "run")),
	}
	return u.String()
}

// database is the database of a stopped server, read past everything that the
// program does.
type database struct {
	t    testing.TB
	conn *pgx.Conn
}

// withDatabase starts the database of a stopped server while read runs.
func (s *server) withDatabase(read func(*database)) {
	s.t.Helper()
	pg, err := private.Start(context.Background(), private.Config{
		Dir: filepath.Join(s.data, "postgres"), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer pg.Stop(context.Background())
	conn, err := pgx.Connect(s.t.Context(), pg.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	read(&database{s.t, conn})
}

// number returns the one number that a query answers with.
func (d *database) number(sql string) (n int64) {
	d.t.Helper()
	if err := d.conn.QueryRow(d.t.Context(), sql).Scan(&n); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// decimal returns the one exact number that a query answers with as a text.
func (d *database) decimal(sql string) invoq.Decimal {
	d.t.Helper()
	var text string
	if err := d.conn.QueryRow(d.t.Context(), sql).Scan(&text); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	n, err := invoq.ParseDecimal(text)
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// items returns the events of the book as a client's journal has them.
func (d *database) items() []campaign.Item {
	d.t.Helper()
	rows, _ := d.conn.Query(d.t.Context(), `
		SELECT e.request_id, t.name, u.name, e.service, e.quantity::text, extract(epoch FROM e.event_time)::bigint
		FROM ledger_entries e
		JOIN tenants t ON t.id = e.tenant_id
		JOIN ledger_users u ON u.id = e.user_id
		WHERE e.meter = 'API_REQUEST'`)
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (campaign.Item, error) {
		var id, tenant, user, service, quantity string
		var unix int64
		err := row.Scan(&id, &tenant, &user, &service, &quantity, &unix)
		return itemOf(id, tenant, user, service, quantity, unix), err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return items
}
