package ledger_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"invoq"
	"invoq/ledger"
	"invoq/postgres"
)

// windowsFrom bounds what the tests of windows look at.
var windowsFrom = time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)

// windows returns all windows of a size, a line each: percentiles, most memory
// and all quantities.
func (s *shelf) windows(t testing.TB, size invoq.WindowSize) (lines []string) {
	t.Helper()
	for _, u := range s.usage(t, size) {
		median, _ := u.Latency.Quantile(0.5)
		line := fmt.Sprintf("%s %s %s/%s/%s p50=%g max=%s unmeasured=%s", size,
			u.Start.Format("01-02 15:04"), u.Tenant, u.Service, u.Revision, median, u.MaxMemoryMB,
			u.UnmeasuredMs)
		for _, m := range invoq.Meters() {
			line += fmt.Sprint(" ", m, "=", u.Of(m))
		}
		lines = append(lines, fmt.Sprint(line, " ", u.Latency))
	}
	return lines
}

func (s *shelf) usage(t testing.TB, size invoq.WindowSize) []invoq.Usage {
	t.Helper()
	all, err := s.db.ListUsage(t.Context(), invoq.Everyone(), postgres.UsageFilter{
		Window:   size,
		Interval: invoq.Interval{Start: windowsFrom, End: windowsFrom.AddDate(1, 0, 0)},
	}, invoq.Page{Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// told returns a function event of acme's waiter: so many invocations, of so
// many milliseconds together, at so much memory.
func told(id string, at time.Time, invocations, durationMs, memoryMB string) invoq.Event {
	e := event(0)
	e.Tenant, e.RequestID, e.Time, e.Labels = "acme", id, at, nil
	e.Provider, e.Service, e.Revision = "", "waiter", "waiter-1"
	duration := invoq.MustDecimal(durationMs)
	e.Measures = []invoq.Measure{
		{Meter: invoq.Invocations, Quantity: invoq.MustDecimal(invocations)},
		{Meter: invoq.DurationMs, Quantity: duration},
		{Meter: invoq.MBMs, Quantity: duration.Mul(invoq.MustDecimal(memoryMB))},
	}
	return e
}

func TestEventsMakeWindows(t *testing.T) {
	s := newShelf(t)
	at := time.Date(2026, 3, 1, 12, 4, 59, 999_999_000, time.UTC)
	cold := told("2", at.Add(time.Microsecond), "1", "1000", "80.25")
	cold.Measures = append(cold.Measures,
		invoq.Measure{Meter: invoq.ColdStarts, Quantity: invoq.NewDecimal(1, 0)},
		invoq.Measure{Meter: invoq.Errors, Quantity: invoq.NewDecimal(1, 0)},
		invoq.Measure{Meter: invoq.CPUMs, Quantity: invoq.MustDecimal("12.5")})
	// Three calls of 100 ms each; one of a second; one whose memory is not known,
	// which comes late; a revision that nobody names.
	unmeasured := told("3", at.Add(-time.Hour), "1", "7", "0")
	unmeasured.Measures = unmeasured.Measures[:2]
	nameless := told("4", at, "1", "2000000", "1")
	nameless.Revision = ""
	s.post(t, told("1", at, "3", "300", "64.5"), cold)
	s.post(t, unmeasured, nameless, told("1", at, "3", "300", "64.5"))
	want := []string{
		"5m 03-01 11:00 acme/waiter/waiter-1 p50=7.15 max=0 unmeasured=7 invocations=1 duration_ms=7 " +
			"mb_ms=0 cpu_ms=0 cold_starts=0 errors=0 {[6.3 8] [0 1]}",
		"5m 03-01 12:00 acme/waiter/default p50=1e+06 max=1 unmeasured=0 invocations=1 duration_ms=2000000 " +
			"mb_ms=2000000 cpu_ms=0 cold_starts=0 errors=0 {[1e+06 +Inf] [0 1]}",
		"5m 03-01 12:00 acme/waiter/waiter-1 p50=90 max=64.5 unmeasured=0 invocations=3 duration_ms=300 " +
			"mb_ms=19350 cpu_ms=0 cold_starts=0 errors=0 {[80 100] [0 3]}",
		"5m 03-01 12:05 acme/waiter/waiter-1 p50=900 max=80.25 unmeasured=0 invocations=1 duration_ms=1000 " +
			"mb_ms=80250 cpu_ms=12.5 cold_starts=1 errors=1 {[800 1000] [0 1]}",
	}
	if diff := gocmp.Diff(want, s.windows(t, invoq.Window5m)); diff != "" {
		t.Error(diff)
	}
	day := []string{
		want[1],
		"5m 03-01 00:00 acme/waiter/waiter-1 p50=90 max=80.25 unmeasured=7 invocations=5 " +
			"duration_ms=1307 mb_ms=99600 cpu_ms=12.5 cold_starts=1 errors=1 " +
			"{[6.3 8 80 100 800 1000] [0 1 0 3 0 1]}",
	}
	for i := range day {
		day[i] = strings.Replace(strings.Replace(day[i], "5m", "1d", 1), "12:00", "00:00", 1)
	}
	if diff := gocmp.Diff(day, s.windows(t, invoq.Window1d)); diff != "" {
		t.Error(diff)
	}
}

// A correction takes back what was wrong, from the histogram too, and may leave
// less than nothing in a window of its own.
func TestCorrectionsReachWindows(t *testing.T) {
	s := newShelf(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	back := told("2", at, "-1", "-250000", "64")
	back.Corrects = "1"
	later := told("3", at.Add(time.Hour), "-1", "-5", "64")
	later.Corrects = "1"
	s.post(t, told("1", at, "1", "250000", "64"), told("4", at, "1", "250", "64"))
	s.post(t, back, later)
	want := []string{
		"1h 03-01 12:00 acme/waiter/waiter-1 p50=225 max=64 unmeasured=0 invocations=1 duration_ms=250 " +
			"mb_ms=16000 cpu_ms=0 cold_starts=0 errors=0 {[200 250 200000 250000] [0 1 0 0]}",
		"1h 03-01 13:00 acme/waiter/waiter-1 p50=0 max=0 unmeasured=0 invocations=-1 duration_ms=-5 " +
			"mb_ms=-320 cpu_ms=0 cold_starts=0 errors=0 {[4 5] [0 -1]}",
	}
	if diff := gocmp.Diff(want, s.windows(t, invoq.Window1h)); diff != "" {
		t.Error(diff)
	}
}

// An event of more invocations than a histogram can count is in the book and
// its window, and does not keep others from being posted.
func TestHugeEventsDoNotOverflow(t *testing.T) {
	s := newShelf(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for n := range 20 {
		s.post(t, told(fmt.Sprint(n), at, "1000000000000000000", "1000000000000000000", "0.5"))
	}
	u := s.usage(t, invoq.Window1d)[0]
	if u.Invocations.String() != "20000000000000000000" || u.Latency.Total() != 20_000_000 {
		t.Errorf("%s invocations, of which the histogram has %d", u.Invocations, u.Latency.Total())
	}
}

// randomCall returns the n-th call of one of a few functions within two days,
// some of them corrections of the one before.
func randomCall(random *rand.Rand, n int) invoq.Event {
	e := event(n)
	e.RequestID = fmt.Sprint("call-", n)
	e.Tenant = invoq.TenantName(fmt.Sprint("tenant-", random.IntN(2)))
	e.Service, e.Revision = fmt.Sprint("f-", random.IntN(3)), fmt.Sprint("r-", random.IntN(2))
	e.Provider, e.Labels = "", nil
	e.Time = windowsFrom.AddDate(0, 0, 31).Add(time.Duration(random.Int64N(int64(48 * time.Hour)))).
		Truncate(time.Microsecond)
	e.Measures = nil
	for _, m := range invoq.Meters() {
		if random.IntN(3) == 0 && len(e.Measures) > 0 {
			continue
		}
		places := -int32(random.IntN(8))
		if m == invoq.Invocations {
			places = 0
		}
		e.Measures = append(e.Measures, invoq.Measure{
			Meter: m, Quantity: invoq.NewDecimal(random.Int64N(1_000_000), places),
		})
	}
	return e
}

// correct returns a correction of the event, of its tenant, some time later.
func correct(random *rand.Rand, e invoq.Event) invoq.Event {
	e.Corrects, e.RequestID = e.RequestID, e.RequestID+"-fix"
	e.Time = e.Time.Add(time.Duration(random.IntN(3)) * time.Hour)
	e.Measures = slices.Clone(e.Measures)
	for i := range e.Measures {
		e.Measures[i].Quantity = e.Measures[i].Quantity.Neg()
	}
	return e
}

// Whatever comes in whatever order, batches and company, and however often: the
// windows are the same, and each is the sum of the book's entries in it.
func TestWindowsAreTheBook(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	var calls, fixes []invoq.Event
	for n := range 150 {
		calls = append(calls, randomCall(random, n))
		if n%10 == 0 {
			fixes = append(fixes, correct(random, calls[n]))
		}
	}
	var want []string
	for round := range rounds {
		t.Run(fmt.Sprint("seed=", seed, "/round=", round), func(t *testing.T) {
			s := newShelf(t)
			// A correction comes after what it corrects, or it is refused.
			s.shuffle(t, random, calls)
			s.shuffle(t, random, slices.Concat(calls, fixes))
			var got []string
			for _, size := range []invoq.WindowSize{invoq.Window5m, invoq.Window1h, invoq.Window1d} {
				s.wantBookSums(t, size)
				got = append(got, s.windows(t, size)...)
			}
			if round == 0 {
				want = got
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shuffle posts events one to three times, in a random order and in batches of
// random sizes.
func (s *shelf) shuffle(t *testing.T, random *rand.Rand, events []invoq.Event) {
	t.Helper()
	var all []invoq.Event
	for range 1 + random.IntN(3) {
		all = append(all, events...)
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for len(all) > 0 {
		part := min(len(all), 1+random.IntN(60))
		s.post(t, all[:part]...)
		all = all[part:]
	}
}

// wantBookSums fails unless each window of the size is the sum of the entries
// that fall into it, to the last digit, and no entry is in none.
func (s *shelf) wantBookSums(t *testing.T, size invoq.WindowSize) {
	t.Helper()
	entries, err := s.db.Entries(t.Context(), invoq.Everyone(), 0, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		tenant            invoq.TenantID
		service, revision string
		start             time.Time
		meter             invoq.Meter
	}
	sums := map[key]invoq.Decimal{}
	add := func(k key, q invoq.Decimal) {
		if sums[k] = sums[k].Add(q); sums[k].IsZero() {
			delete(sums, k)
		}
	}
	for _, e := range entries {
		add(key{e.TenantID, e.Service, e.Revision, size.Floor(e.EventTime), e.Meter}, e.Quantity)
	}
	for _, u := range s.usage(t, size) {
		for _, m := range invoq.Meters() {
			add(key{u.TenantID, u.Service, u.Revision, u.Start, m}, u.Of(m).Neg())
		}
	}
	for k := range maps.Keys(sums) {
		t.Errorf("%s of %+v: book less windows is %s", size, k, sums[k])
	}
}

// What cannot be posted is in no window: the two are one transaction.
func TestWindowsStandAndFallWithTheBook(t *testing.T) {
	s := newShelf(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.post(t, told("1", at, "1", "10", "64"))
	before := s.windows(t, invoq.Window5m)
	// The last statement of a posting fails.
	_, err := s.owner.Exec(t.Context(), `ALTER TABLE ledger_batches ADD CONSTRAINT full_book CHECK (first_entry < 1)`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Post(context.Background(), []invoq.Event{told("2", at, "1", "10", "64")}); err == nil {
		t.Fatal("the book took an event that it cannot hold")
	}
	if diff := gocmp.Diff(before, s.windows(t, invoq.Window5m)); diff != "" {
		t.Error(diff)
	}
	if _, err := s.owner.Exec(t.Context(), `ALTER TABLE ledger_batches DROP CONSTRAINT full_book`); err != nil {
		t.Fatal(err)
	}
	if got := s.post(t, told("2", at, "1", "10", "64")); got[0] != ledger.Posted {
		t.Fatalf("the event was %s", got[0])
	}
	s.wantBookSums(t, invoq.Window1h)
}

// A book from before events made windows gets them when its database is brought
// up to date: those that it would have had, save for percentiles.
func TestOlderBookGetsItsWindows(t *testing.T) {
	s := newShelf(t)
	random := rand.New(rand.NewPCG(1, 1))
	for n := range 100 {
		e := randomCall(random, n)
		s.post(t, e)
		if n%10 == 0 {
			s.post(t, correct(random, e))
		}
	}
	sums := func() (all []string) {
		for _, size := range []invoq.WindowSize{invoq.Window5m, invoq.Window1h, invoq.Window1d} {
			for _, u := range s.usage(t, size) {
				u.Latency = invoq.Latency{}
				line := fmt.Sprint(u.Interval, u.TenantID, u.Service, u.Revision, u.MaxMemoryMB, " ", u.UnmeasuredMs)
				for _, m := range invoq.Meters() {
					line += fmt.Sprint(" ", u.Of(m))
				}
				all = append(all, line)
			}
		}
		return all
	}
	want := sums()
	conn := stdlib.OpenDBFromPool(s.owner)
	defer conn.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, conn, os.DirFS("../postgres/migrations"),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if left := s.usage(t, invoq.Window5m); len(left) > 0 {
		t.Fatalf("%d windows are left", len(left))
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, sums()); diff != "" || len(want) < 200 {
		t.Errorf("%d windows: %s", len(want), diff)
	}
}
