package billing_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/internal/campaign"
	"invoq/internal/pgtest"
	"invoq/jobs"
	"invoq/postgres"
)

// schedulerURL names the variable that makes the test binary a server whose
// clock fires bill runs, until its input ends.
const schedulerURL = "INVOQ_TEST_SCHEDULER"

// billJob is the job by which servers find runs.
const billJob = "bill-runs"

// childScheduler works on jobs and returns the exit code.
func childScheduler(url string) int {
	err := func() error {
		db, err := postgres.Open(context.Background(), url, quiet)
		if err != nil {
			return err
		}
		defer db.Close()
		r, err := jobs.New(db.Pool(), quiet, jobs.Periodic{
			Name: billJob, Every: time.Second, Timeout: time.Minute,
			Run: func(ctx context.Context, _ time.Time) error { return runner(db, killBatch).Resume(ctx) },
		})
		if err != nil {
			return err
		}
		if err := r.Start(context.Background()); err != nil {
			return err
		}
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return r.Stop(context.Background())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// schedulers starts servers on the database and returns when all are ready;
// stop ends them.
func schedulers(t *testing.T, url string, n int) (stop func()) {
	t.Helper()
	var all sync.WaitGroup
	inputs := make([]io.Closer, n)
	for i := range n {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), schedulerURL+"="+url)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("a server says %q: %v", line, err)
		}
		inputs[i] = in
		all.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("a server ended with %v", err)
			}
		})
	}
	return func() {
		for _, in := range inputs {
			in.Close()
		}
		all.Wait()
	}
}

// Four servers are told of the same period at the same time, each slot up to
// ten times, while their own clocks fire too: every tenant has one bill, the
// one that a single server would have made, and no job dies. INVOQ_TENANTS
// sets how many tenants, INVOQ_ROUNDS how many runs.
func TestCampaignDoubleSchedulers(t *testing.T) {
	campaign.Begin(t)
	tenants := campaign.Count(t, "INVOQ_TENANTS", 300, 1000)
	rounds := campaign.Count(t, "INVOQ_ROUNDS", 2, 10)
	fleet := billedFleet("schedulers", size{tenants: tenants, services: 2, every: 101})
	calm, busy := pgtest.URL(t, fleet), pgtest.URL(t, fleet)
	if err := runner(openFrom(t, calm), killBatch).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := openFrom(t, busy)
	stop := schedulers(t, busy, 4)
	rng := rand.New(rand.NewPCG(4, 4))
	fired := fire(t, db, 1+rng.IntN(10))
	awaitRuns(t, db)
	want, got := billsOf(dump(t, calm)), billsOf(dump(t, busy))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("four servers made other bills than one (-one +four):\n%.4000s", diff)
	}
	// The same month again and again: issued bills are kept.
	for range rounds {
		_, err := db.CreateBillRun(t.Context(), postgres.BillRun{Month: "2026-03", Finalize: true, CreatedBy: "test"},
			func(pgx.Tx, postgres.BillRun) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		fired += fire(t, db, 1+rng.IntN(10))
		awaitRuns(t, db)
	}
	stop()
	if diff := cmp.Diff(want, billsOf(dump(t, busy))); diff != "" {
		t.Errorf("bills changed by asking again:\n%.4000s", diff)
	}
	if extra := count(t, busy, severalBills); extra != 0 {
		t.Errorf("%d extra bills", extra)
	}
	dead := count(t, busy, `SELECT count(*) FROM river_job WHERE state IN ('discarded', 'cancelled')`)
	failed := count(t, busy, `SELECT count(*) FROM river_job WHERE cardinality(errors) > 0`)
	if dead != 0 || failed != 0 {
		t.Errorf("%d jobs are dead, %d have failed", dead, failed)
	}
	t.Logf("%d tenants, %d runs, 4 servers, %d slots fired beside their clocks; %d jobs done, 0 dead",
		tenants, 1+rounds, fired, count(t, busy, `SELECT count(*) FROM river_job WHERE state = 'completed'`))
}

// fire enqueues the job so many times at once, as requests to so many servers
// would, and returns how often.
func fire(t *testing.T, db *postgres.DB, times int) int {
	t.Helper()
	asking, err := jobs.New(db.Pool(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range times {
		all.Go(func() {
			err := pgx.BeginFunc(t.Context(), db.Pool(), func(tx pgx.Tx) error {
				return asking.Soon(t.Context(), tx, billJob, time.Now())
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return times
}

// awaitRuns waits until all runs have ended.
func awaitRuns(t *testing.T, db *postgres.DB) {
	t.Helper()
	for deadline := time.Now().Add(stormTime); ; {
		ids, err := db.UnfinishedBillRuns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) == 0 {
			return
		}
		if time.Now().After(deadline) {
			run, err := db.FindBillRun(t.Context(), invoq.Everyone(), ids[0])
			t.Fatalf("the run has not ended: %+v, %v", run, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// billsOf returns the part of a dump that is bills.
func billsOf(dump string) string { return dump[:strings.Index(dump, `{"state"`)+1] }

// count returns the number that a query answers with.
func count(t testing.TB, url, sql string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// otherDatabase returns the URL of another database of the same server.
func otherDatabase(t testing.TB, url, name string) string {
	t.Helper()
	at := strings.Index(url, "/invoq?")
	if at < 0 {
		t.Fatal("the server's database is not invoq")
	}
	return url[:at] + "/" + name + url[at+len("/invoq"):]
}
