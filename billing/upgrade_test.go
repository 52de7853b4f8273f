package billing_test

import (
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"invoq"
	"invoq/billing"
	"invoq/internal/booktest"
)

// beforeBookBills is the schema of the last version that made bills of windows.
const beforeBookBills = 4

// A database whose bills were made of windows goes on: they stay as they are,
// whatever the book says of their periods, and can still be computed again,
// explained, re-rated, and made void.
func TestBillsOfWindowsStay(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	d.use("acme", "2026-02-10T09:00:00Z", 600)
	february := d.issue("acme", time.February)
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	march := d.issue("acme", time.March)
	// What was in the book and on no bill: events of functions, and resources.
	at := time.Date(2026, time.March, 5, 12, 0, 0, 0, time.UTC)
	booktest.Tell(t, d.db, nil,
		resource("acme", "r1", "told", invoq.Invocations, "5000", at),
		resource("acme", "r2", "gpt-4", invoq.AITokens, "250000", at))
	d.upgrade(february, march)

	for _, b := range []invoq.Bill{february, march} {
		again, err := d.office.Recompute(t.Context(), everyone, b.ID)
		if err != nil || !again.Agrees() || len(again.Corrections) != 0 {
			t.Errorf("agrees %v, corrections %v: %v\n%s\n%s", again.Agrees(), again.Corrections, err,
				billing.Canonical(again.Bill), billing.Canonical(again.Again))
		}
		trace, err := d.office.Explain(t.Context(), everyone, b.ID)
		d.must(err)
		if u := trace.Lines[0].Usage; len(u) != 1 || !u[0].Quantity.Equal(b.Lines[0].Quantity) {
			t.Errorf("the line %s is made of %v", b.Lines[0].Quantity, u)
		}
	}
	wantLines(t, d.draft("acme", time.April), "total 0")
	// What is counted again is corrected as before.
	d.use("acme", "2026-03-20T09:00:00Z", 50)
	wantLines(t, d.draft("acme", time.April), "2026-03 invocations 50 − 0 = 0.5 corrects", "total 0.5")
	dear := d.newPlan("dear", "0.02")
	r := billing.Rerate{Bill: february.ID, Plan: dear.ID, Reason: "test", By: "test"}
	preview, err := d.office.PreviewRerate(t.Context(), everyone, r)
	d.must(err)
	if preview.Difference.String() != "5" {
		t.Errorf("re-rating changes %s", preview.Difference)
	}
	// A period that is billed anew is billed from the book.
	_, err = d.office.Void(t.Context(), everyone, march.ID, "test")
	d.must(err)
	wantLines(t, d.draft("acme", time.March), "2026-03 invocations 6150 − 100 = 60.5", "total 60.5")
}

// Such a bill names no tags, but its lines say by which rates services were
// priced: they stay so, whatever a service is called since.
func TestBillsOfWindowsKeepTheirTags(t *testing.T) {
	d := openDesk(t)
	acme := d.tenant("acme", "UTC")
	_, err := d.db.AssignPlan(t.Context(), everyone, invoq.PlanAssignment{
		TenantID: acme.ID, EffectiveFrom: "2026-01-01", PlanID: d.newGold().ID, Reason: "test",
	})
	d.must(err)
	d.use("acme", "2026-02-10T09:00:00Z", 10)
	d.tag(`{"class": "gold"}`)
	february := d.issue("acme", time.February)
	wantLines(t, february, "2026-02 invocations 10 − 0 = 10", "total 10")
	d.upgrade(february)
	d.tag(`{}`)
	again, err := d.office.Recompute(t.Context(), everyone, february.ID)
	if err != nil || !again.Agrees() || len(again.Corrections) != 0 {
		t.Errorf("agrees %v, corrections %v: %v", again.Agrees(), again.Corrections, err)
	}
	wantLines(t, d.draft("acme", time.March), "total 0")
}

// upgrade turns the desk's database into one of the version that made bills of
// windows, and that into one of ours. The book begins after February.
func (d *desk) upgrade(bills ...invoq.Bill) {
	d.t.Helper()
	d.db.Close()
	conn, err := sql.Open("pgx", d.url)
	d.must(err)
	defer conn.Close()
	steps, err := goose.NewProvider(goose.DialectPostgres, conn, os.DirFS("../postgres/migrations"),
		goose.WithLogger(goose.NopLogger()))
	d.must(err)
	_, err = steps.DownTo(d.t.Context(), beforeBookBills)
	d.must(err)
	exec := func(query string, args ...any) {
		d.t.Helper()
		_, err := conn.ExecContext(d.t.Context(), query, args...)
		d.must(err)
	}
	exec(`ALTER TABLE bills DISABLE TRIGGER bill_life`)
	for _, b := range bills {
		b.Pinned = invoq.Pinned{}
		exec(`UPDATE bills SET sha256 = $2 WHERE id = $1::uuid`, string(b.ID), billing.Hash(b))
	}
	exec(`ALTER TABLE bills ENABLE TRIGGER bill_life`)
	// A run was under way; nobody knows how far the book was when it was asked for.
	exec(`INSERT INTO bill_runs (id, month, finalize, tenants, created_by)
		VALUES (gen_random_uuid(), '2026-05', true, 1, 'test')`)
	exec(`ALTER TABLE ledger_entries_202602 DISABLE TRIGGER ALL`)
	exec(`DELETE FROM ledger_entries_202602`)
	d.db = openFrom(d.t, d.url)
	d.biller = billing.New(d.db)
	d.office = billing.NewOffice(d.db, 2*time.Hour, time.Now)
	var said string
	d.must(conn.QueryRowContext(d.t.Context(),
		`SELECT string_agg(sha256, ' ') FROM bills WHERE of_windows AND head_size = 0`).Scan(&said))
	if n := len(strings.Fields(said)); n != len(bills) {
		d.t.Fatalf("%d of %d bills are of windows", n, len(bills))
	}
	head, err := d.db.BookHead(d.t.Context())
	d.must(err)
	runs, err := d.db.ListBillRuns(d.t.Context(), everyone, invoq.Page{Limit: 2})
	if err != nil || len(runs) != 1 || runs[0].Size != head.Size || head.Size == 0 ||
		!runs[0].Closed(0).Before(time.Unix(0, 0)) {
		d.t.Errorf("the book has %d entries, runs are %+v: %v", head.Size, runs, err)
	}
}
