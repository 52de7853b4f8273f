package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"invoq"
	"invoq/internal/pgtest"
	"invoq/ledger"
	"invoq/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// shelf is a book with the database it is in and the folder of its heads.
type shelf struct {
	*ledger.Book
	db     *postgres.DB
	owner  *pgxpool.Pool // works as the owner of the tables
	folder ledger.Folder
	clock  time.Time
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	return newShelfAt(t, pgtest.URL(t, pgtest.Migrated()))
}

// newShelfAt makes the book in the database at the URL.
func newShelfAt(t testing.TB, url string) *shelf {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	owner, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	s := &shelf{
		db: db, owner: owner, folder: ledger.Folder(t.TempDir()),
		clock: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
	}
	if err := s.open(t); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *shelf) open(t testing.TB) error {
	t.Helper()
	book, err := ledger.Open(t.Context(), ledger.Config{
		Store: s.db, Folder: s.folder, Name: "invoq.test/ledger", Rater: tokenRater{},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.clock },
	})
	if err == nil {
		s.Book = book
	}
	return err
}

// tokenRater knows what tokens cost, and nothing of anything else.
type tokenRater struct{}

func (tokenRater) Rate(
	_ context.Context, _ int64, entries []ledger.Entry, _ map[invoq.TenantID]invoq.TenantName,
) error {
	for i := range entries {
		e := &entries[i]
		if e.Meter != invoq.AITokens {
			continue
		}
		unit := invoq.MustDecimal("0.000012")
		e.Charge = ledger.Charge{
			Catalogue: 1, Currency: "USD", Costed: true, UnitCost: unit,
			RealCost: e.Quantity.Mul(unit), Priced: true, Model: ledger.ModelMarkup,
		}
		e.BilledCost = e.RealCost.Mul(invoq.MustDecimal("1.5"))
	}
	return nil
}

func (tokenRater) Posted(int64) {}

// event returns the n-th event, of one of three tenants and five users, in one
// of three months.
func event(n int) invoq.Event {
	return invoq.Event{
		Tenant: invoq.TenantName(fmt.Sprintf("tenant-%d", n%3)), RequestID: fmt.Sprintf("req-%d", n),
		User: fmt.Sprintf("user-%d", n%5), Platform: "shop", Provider: "openai", Service: "chat",
		Time:       time.Date(2026, time.Month(1+n%3), 1+n%28, n%24, 0, 0, 1000*n, time.UTC),
		ReceivedAt: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
		Measures: []invoq.Measure{
			{Meter: invoq.AITokens, Quantity: invoq.NewDecimal(int64(n%900+1), -1)},
		},
		Labels: map[string]string{"path": `C:\tab	quote"`, "model": "gpt-4"},
	}
}

func events(from, to int) []invoq.Event {
	var all []invoq.Event
	for n := from; n < to; n++ {
		e := event(n)
		delete(e.Labels, "path")
		all = append(all, e)
	}
	return all
}

func (s *shelf) post(t testing.TB, es ...invoq.Event) []ledger.Outcome {
	t.Helper()
	outcomes, err := s.Post(t.Context(), es)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

// sign signs a head a minute after the last.
func (s *shelf) sign(t testing.TB) {
	t.Helper()
	s.clock = s.clock.Add(time.Minute)
	if err := s.SignHead(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *shelf) verify(t testing.TB) *ledger.Report {
	t.Helper()
	verifier, err := s.folder.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	v := ledger.Verification{Source: s.db, Verifier: verifier, Notes: s.folder.SignedNotes}
	report, err := v.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestPostAndReadBack(t *testing.T) {
	s := newShelf(t)
	e := event(1)
	e.Measures = append(e.Measures, invoq.Measure{
		Meter: invoq.APIRequest, Quantity: invoq.NewDecimal(1, 0),
	})
	if diff := cmp.Diff([]ledger.Outcome{ledger.Posted}, s.post(t, e)); diff != "" {
		t.Fatal(diff)
	}
	got, err := s.db.Entries(t.Context(), invoq.Everyone(), 0, 10)
	if err != nil || len(got) != 2 {
		t.Fatalf("read %d entries: %v", len(got), err)
	}
	tokens := got[0]
	tokens.TenantID, tokens.UserID = "", ""
	want := ledger.Entry{
		Platform: "shop", Provider: "openai", Service: "chat", Meter: invoq.AITokens,
		Quantity: invoq.MustDecimal("0.2"),
		Charge: ledger.Charge{
			Catalogue: 1, Currency: "USD", Costed: true, Priced: true, Model: ledger.ModelMarkup,
			UnitCost: invoq.MustDecimal("0.000012"), RealCost: invoq.MustDecimal("0.0000024"),
			BilledCost: invoq.MustDecimal("0.0000036"),
		},
		RequestID: "req-1", Labels: `{"model":"gpt-4","path":"C:\\tab\tquote\""}`,
		EventTime: e.Time, ReceivedAt: e.ReceivedAt,
	}
	if diff := cmp.Diff(want, tokens); diff != "" {
		t.Error(diff)
	}
	if why := got[1].Unpriced(); why != "no cost and no price" {
		t.Errorf("the request's charge is missing for %q", why)
	}
	if r := s.verify(t); !r.OK() || r.Entries != 2 {
		t.Errorf("verified: %+v", r)
	}
}

func TestDuplicatesAndConflicts(t *testing.T) {
	s := newShelf(t)
	first := event(1)
	other := first
	other.Measures = []invoq.Measure{{Meter: invoq.AITokens, Quantity: invoq.NewDecimal(9, 0)}}
	sameElsewhere := first
	sameElsewhere.Tenant = "another"
	later := first
	later.ReceivedAt = later.ReceivedAt.Add(time.Hour)
	want := []ledger.Outcome{
		ledger.Posted, ledger.Duplicate, ledger.Conflict, ledger.Posted, ledger.Duplicate,
	}
	if diff := cmp.Diff(want, s.post(t, first, first, other, sameElsewhere, later)); diff != "" {
		t.Error(diff)
	}
	want[0], want[3] = ledger.Duplicate, ledger.Duplicate
	if diff := cmp.Diff(want, s.post(t, first, first, other, sameElsewhere, later)); diff != "" {
		t.Error(diff)
	}
	if s.Size() != 2 {
		t.Errorf("the book has %d entries, want 2", s.Size())
	}
	var refused int
	row := s.owner.QueryRow(t.Context(), "SELECT count(*) FROM ledger_refusals")
	if err := row.Scan(&refused); err != nil || refused != 1 {
		t.Errorf("%d refusals are kept, want 1: %v", refused, err)
	}
	if r := s.verify(t); !r.OK() {
		t.Errorf("verified: %v", r.Problems)
	}
}

func TestCorrectionNamesWhatItCorrects(t *testing.T) {
	s := newShelf(t)
	wrong := event(1)
	fix := event(1)
	fix.RequestID, fix.Corrects = "fix-1", "req-1"
	fix.Measures = []invoq.Measure{{Meter: invoq.AITokens, Quantity: invoq.MustDecimal("-0.1")}}
	if diff := cmp.Diff([]ledger.Outcome{ledger.Unknown}, s.post(t, fix)); diff != "" {
		t.Error(diff)
	}
	// What was refused is not remembered as posted.
	want := []ledger.Outcome{ledger.Posted, ledger.Posted}
	if diff := cmp.Diff(want, s.post(t, wrong, fix)); diff != "" {
		t.Error(diff)
	}
	if s.Size() != 2 {
		t.Errorf("the book has %d entries, want 2", s.Size())
	}
}

// Two books on one database give way to each other and lose nothing.
func TestTwoWriters(t *testing.T) {
	s := newShelf(t)
	second := &shelf{db: s.db, folder: ledger.Folder(t.TempDir()), clock: s.clock}
	if err := second.open(t); err != nil {
		t.Fatal(err)
	}
	defer second.Close(context.Background())
	done := make(chan error, 2)
	write := func(b *ledger.Book, offset int) {
		for i := range 20 {
			// Half of what each posts, the other posts too.
			if _, err := b.Post(context.Background(), events(offset+i*10, offset+i*10+20)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}
	go write(s.Book, 0)
	go write(second.Book, 5)
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	// Events 0 to 214, each once.
	size, _, err := s.db.Tail(t.Context())
	if err != nil || size != 215 {
		t.Fatalf("the book has %d entries, want 215: %v", size, err)
	}
	for _, x := range []*shelf{s, second} {
		if err := x.Book.SignHead(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// Heads of the second writer's key are not in the first one's folder, so
	// only the book itself is looked at here.
	for _, p := range s.verify(t).Problems {
		if p.Batch >= 0 {
			t.Error(p)
		}
	}
}

// What becomes of a correction does not depend on whether the event that it
// names came with it: one that was refused is not in the book.
func TestCorrectionOfRefused(t *testing.T) {
	told := event(2)
	told.Service = "waiter"
	told.Measures = []invoq.Measure{{Meter: invoq.Invocations, Quantity: invoq.NewDecimal(1, 0)}}
	fix := event(3)
	fix.Tenant, fix.Corrects = told.Tenant, told.RequestID
	want := []ledger.Outcome{ledger.Elsewhere, ledger.Unknown}
	for name, post := range map[string]func(*shelf) []ledger.Outcome{
		"together": func(s *shelf) []ledger.Outcome { return s.post(t, told, fix) },
		"apart":    func(s *shelf) []ledger.Outcome { return append(s.post(t, told), s.post(t, fix)...) },
	} {
		s := newShelf(t)
		window := told
		window.RequestID = invoq.WindowPrefix + "1"
		s.post(t, window) // From now on the function is counted from metrics.
		if diff := cmp.Diff(want, post(s)); diff != "" {
			t.Errorf("%s\n%s", name, diff)
		}
	}
}
