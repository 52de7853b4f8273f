package billing_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"invoq/internal/campaign"
	"invoq/internal/pgtest"
	"invoq/postgres"
)

// childURL names the variable that makes the test binary a server which does
// nothing but bill runs over the database at the URL.
const childURL = "INVOQ_TEST_BILL_RUN"

// killBatch is small, so that there are many places to be killed at.
const killBatch = 10

// childRun resumes runs and returns the exit code.
func childRun(url string) int {
	db, err := postgres.Open(context.Background(), url, quiet)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer db.Close()
	if err := runner(db, killBatch).Resume(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A run that is disturbed again and again, by the death of the server, of its
// sessions or of the database, leaves the same bytes as one that nobody
// disturbs: one bill for each tenant and period. INVOQ_KILLS sets how often,
// INVOQ_TENANTS how many tenants are billed.
func TestCampaignBillRunKills(t *testing.T) {
	campaign.Begin(t)
	kills := campaign.Count(t, "INVOQ_KILLS", len(disturbances), 100)
	// So many that every disturbance finds a run.
	tenants := campaign.Count(t, "INVOQ_TENANTS", 300, 2000)
	pg := pgtest.Private(t)
	if err := billedFleet("kill", size{tenants: tenants, services: 2, every: 101}).Fill(t.Context(), pg.URL()); err != nil {
		t.Fatal(err)
	}
	want := undisturbed(t, pg)
	rng := rand.New(rand.NewPCG(7, 7))
	at := make([]int, kills) // What is done when the next disturbance comes.
	for i := range at {
		at[i] = rng.IntN(2*tenants - 100)
	}
	slices.Sort(at)
	s := &storm{t: t, pg: pg, hits: map[string]int{}}
	for i, n := range at {
		s.disturb(n, time.Duration(rng.IntN(10))*time.Millisecond, disturbances[i%len(disturbances)])
	}
	s.calm()
	met := 0
	for _, n := range s.hits {
		met += n
	}
	if met < kills*3/4 {
		t.Errorf("only %d of %d disturbances met a run: the test proves little", met, kills)
	}
	if diff := cmp.Diff(want, dump(t, pg.URL())); diff != "" {
		t.Errorf("the disturbed run left other bytes (-calm +stormy):\n%.4000s", diff)
	}
	if twice := count(t, pg.URL(), severalBills); twice != 0 {
		t.Errorf("%d tenants have several bills of a period", twice)
	}
	t.Logf("%d tenants, %d disturbances met the run (%v), %d servers worked on it", tenants, met, s.hits, s.servers)
}

// severalBills counts tenants and periods that were billed more than once.
const severalBills = `
	SELECT count(*)
	FROM (
		SELECT FROM bills
		WHERE status <> 'void'
		GROUP BY tenant_id, period_start
		HAVING count(*) > 1) AS several`

// undisturbed runs a copy of the database on the same server, without a
// disturbance, and returns what that leaves.
func undisturbed(t *testing.T, pg *pgtest.Server) string {
	t.Helper()
	conn, err := pgx.ParseConfig(pg.URL())
	if err != nil {
		t.Fatal(err)
	}
	conn.Database = "postgres"
	admin, err := pgx.ConnectConfig(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE calm TEMPLATE invoq"); err != nil {
		t.Fatal(err)
	}
	calm := otherDatabase(t, pg.URL(), "calm")
	if err := runner(openFrom(t, calm), killBatch).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dump(t, calm)
}

// disturbance is a way in which a run is cut short.
type disturbance struct {
	name string
	do   func(*storm)
}

var disturbances = []disturbance{
	{"kill -9 of the server", func(s *storm) { s.kill() }},
	{"pg_terminate_backend", func(s *storm) {
		s.exec(`
			SELECT pg_terminate_backend(pid)
			FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	}},
	{"kill -9 of a backend", func(s *storm) { s.killBackend() }},
	{"kill -9 of the postmaster", func(s *storm) { s.signal(s.pg.PID(), syscall.SIGKILL) }},
	{"immediate stop of the database", func(s *storm) { s.signal(s.pg.PID(), syscall.SIGQUIT) }},
}

// storm disturbs runs over a database that it may kill.
type storm struct {
	t       testing.TB
	pg      *pgtest.Server
	hits    map[string]int // disturbances that came before the run's end
	servers int
	conn    *pgx.Conn // nil: none
	// cmd is the server that works; ended gets its last word. Nil: none does.
	cmd   *exec.Cmd
	ended chan error
}

// stormTime bounds how long the storm waits for anything.
const stormTime = 2 * time.Minute

// query scans the answer to a query, over and over while the database is away.
func (s *storm) query(into any, sql string) {
	s.t.Helper()
	for deadline := time.Now().Add(stormTime); ; {
		err := s.tryQuery(into, sql)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the database does not come back: %v", err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (s *storm) tryQuery(into any, sql string) error {
	select {
	case <-s.pg.Done(): // It died too often in too short a time.
		s.pg.Start(s.t)
	default:
	}
	if s.conn == nil {
		conn, err := pgx.Connect(s.t.Context(), s.pg.URL())
		if err != nil {
			return err
		}
		s.conn = conn
	}
	err := s.conn.QueryRow(s.t.Context(), sql).Scan(into)
	if err != nil {
		s.hangUp()
	}
	return err
}

func (s *storm) hangUp() {
	if s.conn != nil {
		s.conn.Close(context.Background())
		s.conn = nil
	}
}

func (s *storm) exec(sql string) {
	if _, err := s.conn.Exec(s.t.Context(), sql); err != nil {
		s.t.Errorf("disturb: %v", err)
	}
}

// kill kills the server that works.
func (s *storm) kill() {
	s.signal(s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.ended
	s.cmd = nil
}

// killBackend kills one session of the server; Postgres then ends all of them.
func (s *storm) killBackend() {
	var pid *int
	s.query(&pid, `
		SELECT max(pid)
		FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
	if pid != nil {
		s.signal(*pid, syscall.SIGKILL)
	}
}

func (s *storm) signal(pid int, sig syscall.Signal) {
	if pid == 0 {
		return // It is on its way back from the last death.
	}
	if err := syscall.Kill(pid, sig); err != nil {
		s.t.Logf("process %d was gone: %v", pid, err)
	}
}

// serve sees to it that a server in a process of its own works.
func (s *storm) serve() {
	s.t.Helper()
	if s.cmd != nil && !s.over() {
		return
	}
	s.cmd = exec.CommandContext(s.t.Context(), os.Args[0])
	s.cmd.Env = append(os.Environ(), childURL+"="+s.pg.URL())
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.servers++
	s.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(s.cmd, s.ended)
}

// over reports whether the server has ended, by itself or by what was done to
// its sessions.
func (s *storm) over() bool {
	select {
	case err := <-s.ended:
		s.ended <- err
		return true
	default:
		return false
	}
}

// disturb waits until so much of the run is done and a moment more, and
// disturbs it. A server whose sessions were killed may have been in none of
// them, and goes on.
func (s *storm) disturb(done int, moment time.Duration, d disturbance) {
	s.t.Helper()
	for s.progress() <= done {
		s.serve()
		<-time.After(time.Millisecond)
	}
	<-time.After(moment)
	if s.cmd == nil || s.over() {
		return
	}
	s.hits[d.name]++
	d.do(s)
}

// calm lets the last servers end the run.
func (s *storm) calm() {
	s.t.Helper()
	for deadline := time.Now().Add(stormTime); ; {
		s.progress() // The database is back.
		s.serve()
		err := <-s.ended
		s.cmd = nil
		var finished bool
		s.query(&finished, `SELECT bool_and(finished_at IS NOT NULL) FROM bill_runs`)
		if err == nil && finished {
			s.hangUp()
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the last server ended with %v", err)
		}
	}
}

// progress returns how much of the run is done: a step for each draft and one
// for each bill that became final.
func (s *storm) progress() (n int) {
	s.t.Helper()
	s.query(&n, `
		SELECT count(*) + count(*) FILTER (WHERE state = 'final')
		FROM bill_run_tenants`)
	return n
}
