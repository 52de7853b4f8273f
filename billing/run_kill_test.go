package billing_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

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

// A run that is killed again and again, by kill -9 or by the database's end,
// leaves the same bytes as one that nobody disturbs. INVOQ_KILLS sets how often.
func TestRunSurvivesKills(t *testing.T) {
	kills := 5
	if n, err := strconv.Atoi(os.Getenv("INVOQ_KILLS")); err == nil {
		kills = n
	}
	tenants := max(400, 60*kills) // So that every kill finds a run.
	fleet := billedFleet("kill", size{tenants: tenants, services: 2, every: 101})
	calm, stormy := pgtest.URL(t, fleet), pgtest.URL(t, fleet)
	if err := runner(openFrom(t, calm), killBatch).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	at := make([]int, kills) // What is done when the next disturbance comes.
	for i := range at {
		at[i] = rng.IntN(2*tenants - 100)
	}
	slices.Sort(at)
	storm := newStorm(t, stormy)
	for i, n := range at {
		storm.disturb(n, time.Duration(rng.IntN(10))*time.Millisecond, i%2 == 0)
	}
	storm.calm()
	if storm.hits < kills*3/4 {
		t.Errorf("only %d of %d disturbances met a run: the test proves little", storm.hits, kills)
	}
	if diff := cmp.Diff(dump(t, calm), dump(t, stormy)); diff != "" {
		t.Errorf("the disturbed run left other bytes (-calm +stormy):\n%.4000s", diff)
	}
	t.Logf("%d disturbances met the run", storm.hits)
}

// storm disturbs runs over a database.
type storm struct {
	t    testing.TB
	url  string
	conn *pgx.Conn
	hits int // disturbances that came before the run's end
	// cmd is the server that works; ended gets its last word. Nil: none does.
	cmd   *exec.Cmd
	ended chan error
}

func newStorm(t testing.TB, url string) *storm {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return &storm{t: t, url: url, conn: conn}
}

// serve sees to it that a server in a process of its own works.
func (s *storm) serve() {
	s.t.Helper()
	if s.cmd != nil && !s.over() {
		return
	}
	s.cmd = exec.CommandContext(s.t.Context(), os.Args[0])
	s.cmd.Env = append(os.Environ(), childURL+"="+s.url)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
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

// disturb waits until so much of the run is done and a moment more, and kills
// the server or all of its sessions in the database. A server whose sessions
// were killed may have been in none of them, and goes on.
func (s *storm) disturb(done int, moment time.Duration, kill bool) {
	s.t.Helper()
	s.serve()
	for s.progress() <= done {
		if s.over() {
			s.serve()
		}
		<-time.After(time.Millisecond)
	}
	<-time.After(moment)
	if s.over() {
		return
	}
	s.hits++
	if kill {
		if err := s.cmd.Process.Kill(); err != nil {
			s.t.Logf("it was gone: %v", err)
		}
		<-s.ended
		s.cmd = nil
		return
	}
	_, err := s.conn.Exec(s.t.Context(), `
		SELECT pg_terminate_backend(pid)
		FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		s.t.Fatal(err)
	}
}

// calm lets the last servers end the run.
func (s *storm) calm() {
	s.t.Helper()
	if s.cmd != nil {
		<-s.ended
		s.cmd = nil
	}
	s.serve()
	if err := <-s.ended; err != nil {
		s.t.Fatalf("the last server ended with %v", err)
	}
}

// progress returns how much of the run is done: a step for each draft and one
// for each bill that became final.
func (s *storm) progress() (n int) {
	s.t.Helper()
	err := s.conn.QueryRow(s.t.Context(), `
		SELECT count(*) + count(*) FILTER (WHERE state = 'final')
		FROM bill_run_tenants`).Scan(&n)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}
