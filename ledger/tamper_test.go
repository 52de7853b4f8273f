package ledger_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"invoq"
	"invoq/internal/campaign"
	"invoq/ledger"
	"invoq/postgres"
)

// filled is a book of six batches of 100 entries, a head signed after each:
// batches begin at 0, 100, …, 500.
func filled(t *testing.T) *shelf {
	t.Helper()
	s := newShelf(t)
	s.fill(t)
	return s
}

func (s *shelf) fill(t *testing.T) {
	t.Helper()
	for i := range 6 {
		s.post(t, events(100*i, 100*i+100)...)
		s.sign(t)
	}
	if r := s.verify(t); !r.OK() || r.Entries != 600 || r.Batches != 6 || r.Heads != 6 {
		t.Fatalf("before it is touched: %+v", r)
	}
}

// tables are those that triggers keep.
var tables = []string{
	"ledger_entries", "ledger_entries_202601", "ledger_entries_202602", "ledger_entries_202603",
	"ledger_batches", "ledger_keys", "ledger_heads",
}

// forge runs statements as an owner who has switched the triggers off.
func (s *shelf) forge(t *testing.T, statements ...string) {
	t.Helper()
	for _, table := range tables {
		s.exec(t, "ALTER TABLE "+table+" DISABLE TRIGGER ALL")
	}
	for _, statement := range statements {
		s.exec(t, statement)
	}
}

func (s *shelf) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := s.owner.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// rehash writes the hashes of all batches anew over the entries as they are
// now: what somebody does who knows how the tree is made.
func (s *shelf) rehash(t *testing.T) {
	t.Helper()
	batches, err := s.db.Batches(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var tree ledger.Tree
	var leaf tlog.Hash
	for _, b := range batches {
		entries, err := s.db.Entries(t.Context(), invoq.Everyone(), b.First, b.End())
		if err != nil {
			t.Fatal(err)
		}
		var hashes []tlog.Hash
		for i := range entries {
			leaf, _ = entries[i].Leaf(nil)
			hashes = tree.Append(leaf, hashes)
		}
		var stored []byte
		for _, h := range hashes {
			stored = append(stored, h[:]...)
		}
		root := tree.Root()
		_, err = s.owner.Exec(t.Context(),
			"UPDATE ledger_batches SET hashes = $1, root = $2 WHERE first_entry = $3",
			stored, root[:], b.First)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Bills read stored sums in place of entries, and the application may write
// these: whatever else they say is found.
func TestTamperedSums(t *testing.T) {
	s := filled(t)
	if err := s.db.SumMonths(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := func(says, statement string) {
		t.Helper()
		s.exec(t, statement)
		if r := s.verify(t); !strings.Contains(said(r), says) || r.OK() != (says == "") {
			t.Errorf("%s\nsaid %q, want %q", statement, said(r), says)
		}
	}
	one := " WHERE ctid = (SELECT min(ctid) FROM ledger_sums)"
	f("", "SELECT")
	f("1 sums by month", "UPDATE ledger_sums SET quantity = quantity + 1e-30"+one)
	f("", "UPDATE ledger_sums SET quantity = quantity - 1e-30 WHERE quantity <> round(quantity, 9)")
	f("2 sums by month", "UPDATE ledger_sums SET month = '2027-01'"+one)
	f("", "DELETE FROM ledger_sums; UPDATE ledger_summed SET until = 0")
	if err := s.db.SumMonths(t.Context()); err != nil {
		t.Fatal(err)
	}
	f("", "SELECT")
	// In two calendars a month is no longer known, but the whole is.
	f("", `INSERT INTO ledger_sums SELECT (jsonb_populate_record(s, '{"zone": "Asia/Kolkata", "quantity": 0,
		"costed": 0, "real_cost": 0, "billed": 0, "entries": 0, "gap_seconds": 0, "assumed": 0,
		"unmeasured_ms": 0}')).* FROM ledger_sums s`)
	f("sums by month", "DELETE FROM ledger_sums WHERE zone = 'UTC' AND month = '2026-02'")
	f("sums by month", "UPDATE ledger_sums SET zone = 'Nowhere' WHERE zone = 'UTC'")
	f("sums by month", "UPDATE ledger_summed SET until = 300")
}

// Whatever is done to the book behind its back is found, and the first batch
// that it was done to is named.
func TestCampaignTampering(t *testing.T) {
	campaign.Begin(t)
	noBatch := int64(-1)
	for name, x := range map[string]struct {
		tamper func(*testing.T, *shelf)
		want   int64 // where the first bad batch begins
		says   string
	}{
		"a quantity is edited": {func(t *testing.T, s *shelf) {
			s.forge(t, "UPDATE ledger_entries SET quantity = quantity + 0.1 WHERE position = 342")
		}, 300, "entry 342: the entry is not what was hashed"},
		"a billed cost is edited in the last digit": {func(t *testing.T, s *shelf) {
			s.forge(t, "UPDATE ledger_entries SET billed_cost = billed_cost + 1e-30 WHERE position = 599")
		}, 500, "entry 599: the entry is not what was hashed"},
		"where proofs look for hashes is edited": {func(t *testing.T, s *shelf) {
			s.forge(t, "UPDATE ledger_batches SET first_hash = first_hash + 1 WHERE first_entry = 300")
		}, 300, "its hashes are not stored where they are looked for"},
		"usage is moved to another user": {func(t *testing.T, s *shelf) {
			s.forge(t, `UPDATE ledger_entries SET user_id = (
				SELECT user_id FROM ledger_entries WHERE position = 1) WHERE position = 0`)
		}, 0, "entry 0: the entry is not what was hashed"},
		"an entry is deleted": {func(t *testing.T, s *shelf) {
			s.forge(t, "DELETE FROM ledger_entries WHERE position = 250")
		}, 200, "entry 250: the entry is missing"},
		"two entries are swapped": {func(t *testing.T, s *shelf) {
			s.forge(t, `UPDATE ledger_entries SET position = 120 + 123 - position
				WHERE position IN (120, 123)`)
		}, 100, "entry 120: the entry is not what was hashed"},
		"an entry is slipped in": {func(t *testing.T, s *shelf) {
			s.forge(t, `INSERT INTO ledger_entries
				SELECT (e).* FROM (SELECT jsonb_populate_record(e, jsonb_build_object(
					'event_time', e.event_time + interval '1 second')) AS e
				FROM ledger_entries e WHERE position = 410) AS copied`)
		}, 400, "entry 410: there is more than one entry"},
		"a batch is edited and everything is hashed anew": {func(t *testing.T, s *shelf) {
			s.forge(t, "UPDATE ledger_entries SET quantity = 0 WHERE position = 222")
			s.rehash(t)
		}, 200, "entries 200 to 299 are not those over which a head was signed"},
		"the database is rolled back": {func(t *testing.T, s *shelf) {
			s.forge(t, "DELETE FROM ledger_entries WHERE position >= 400",
				"DELETE FROM ledger_batches WHERE first_entry >= 400",
				"DELETE FROM ledger_keys WHERE first_entry >= 400",
				"DELETE FROM ledger_heads WHERE size > 400")
		}, 400, "a head over 600 was signed"},
		"the end is cut off": {func(t *testing.T, s *shelf) {
			s.forge(t, "DELETE FROM ledger_entries WHERE position >= 590")
		}, 500, "the last 10 entries of the batch are missing"},
		"a month is detached": {func(t *testing.T, s *shelf) {
			s.exec(t, "ALTER TABLE ledger_entries DETACH PARTITION ledger_entries_202602")
		}, 0, "entry 1: the entry is missing"},
		"a batch's root is edited": {func(t *testing.T, s *shelf) {
			s.forge(t, "UPDATE ledger_batches SET root = sha256('x') WHERE first_entry = 300")
		}, 300, "its root is not that of its hashes"},
		"an inner hash is edited": {func(t *testing.T, s *shelf) {
			s.forge(t, `UPDATE ledger_batches SET hashes = set_byte(hashes, 2 * 32, 255 -
				get_byte(hashes, 2 * 32)) WHERE first_entry = 300`)
		}, 300, "its stored hashes are not those of its leaves"},
		"a batch is deleted whole": {func(t *testing.T, s *shelf) {
			s.forge(t, "DELETE FROM ledger_entries WHERE position BETWEEN 200 AND 299",
				"DELETE FROM ledger_batches WHERE first_entry = 200")
		}, 200, "a batch before it is missing"},
		"a request is forgotten, so that it could be posted twice": {func(t *testing.T, s *shelf) {
			s.forge(t, `DELETE FROM ledger_keys WHERE id = (
				SELECT id FROM ledger_keys WHERE first_entry = 100 LIMIT 1)`)
		}, 100, "the memory of 1 of its 100 requests"},
		"a request is remembered that never was, so that it is refused": {func(t *testing.T, s *shelf) {
			s.forge(t, "INSERT INTO ledger_keys VALUES (gen_random_uuid(), gen_random_uuid(), 200)")
		}, 200, "1 requests are remembered that it does not have"},
		"a head is forged": {func(t *testing.T, s *shelf) {
			s.forge(t, `INSERT INTO ledger_heads
				SELECT size, signed_at + interval '1 second', replace(note, E'\n600\n', E'\n700\n')
				FROM ledger_heads WHERE size = 600`)
		}, noBatch, "was not signed by the book's key"},
		"the file of heads is cut": {func(t *testing.T, s *shelf) {
			cutHeads(t, s.folder)
		}, noBatch, "stands in the database and not in the file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := filled(t)
			x.tamper(t, s)
			r := s.verify(t)
			first, found := r.FirstBad()
			if !found {
				first = noBatch
			}
			if r.OK() || first != x.want {
				t.Errorf("the first bad batch is said to be at %d, want %d: %v", first, x.want, r.Problems)
			}
			if !strings.Contains(said(r), x.says) {
				t.Errorf("said\n%s, want %q", said(r), x.says)
			}
		})
	}
}

// A cost that is not known is two empty columns; margins would sum up either of
// them, and so neither can be filled in unseen.
func TestMadeUpCost(t *testing.T) {
	for _, column := range []string{"real_cost", "unit_cost"} {
		s := newShelf(t)
		bandwidth := event(1)
		bandwidth.Measures[0].Meter = invoq.BandwidthMB // No rater here knows what it costs.
		s.post(t, event(0), bandwidth)
		s.sign(t)
		if r := s.verify(t); !r.OK() {
			t.Fatalf("before it is touched: %+v", r)
		}
		for _, table := range []string{"ledger_entries", "ledger_entries_202601", "ledger_entries_202602"} {
			s.exec(t, "ALTER TABLE "+table+" DISABLE TRIGGER ALL")
		}
		s.exec(t, "UPDATE ledger_entries SET "+column+" = 7 WHERE position = 1")
		if r := s.verify(t); !strings.Contains(said(r), "entry 1: the entry is not what was hashed") {
			t.Errorf("%s of 7 is made up; said %q", column, said(r))
		}
	}
}

// busy is a book to which somebody appends, and signs it, between any two looks.
type busy struct {
	*shelf
	*postgres.DB
	t *testing.T
	n int
}

func (b *busy) grow() {
	b.t.Helper()
	b.n += 10
	b.shelf.post(b.t, events(b.n, b.n+10)...)
	b.shelf.sign(b.t)
}

func (b *busy) Tail(ctx context.Context) (int64, tlog.Hash, error) {
	defer b.grow()
	return b.DB.Tail(ctx)
}

func (b *busy) Notes(ctx context.Context) ([]string, error) {
	defer b.grow()
	return b.DB.Notes(ctx)
}

func (b *busy) KeyCounts(ctx context.Context) (map[int64]int, error) {
	defer b.grow()
	return b.DB.KeyCounts(ctx)
}

func (b *busy) Batches(ctx context.Context, from int64, limit int) ([]ledger.Batch, error) {
	defer b.grow()
	return b.DB.Batches(ctx, from, limit)
}

func (b *busy) Strays(ctx context.Context) (int64, error) {
	defer b.grow()
	return b.DB.Strays(ctx)
}

// A book that grows while it is verified is not taken for a forged one.
func TestVerifyWhileTheServerGoesOn(t *testing.T) {
	s := newShelf(t)
	b := &busy{shelf: s, DB: s.db, t: t, n: 90}
	b.grow()
	verifier, err := s.folder.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	notes := func() ([]string, error) {
		defer b.grow()
		return s.folder.SignedNotes()
	}
	v := ledger.Verification{Source: b, Verifier: verifier, Notes: notes}
	if r, err := v.Run(t.Context()); err != nil || !r.OK() || r.Entries < 30 {
		t.Errorf("verified: %+v, %v", r, err)
	}
}

func said(r *ledger.Report) string {
	var text strings.Builder
	for _, p := range r.Problems {
		text.WriteString(p.String() + "\n")
	}
	return text.String()
}

// cutHeads takes the last head out of the file.
func cutHeads(t *testing.T, folder ledger.Folder) {
	t.Helper()
	path := filepath.Join(string(folder), "heads.txt")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b[:strings.LastIndex(string(b), "---\n")], 0o600); err != nil {
		t.Fatal(err)
	}
}

// A book is not continued on a database that was rolled back or rewritten:
// that would hide it.
func TestForgeryIsNotContinued(t *testing.T) {
	f := func(says string, tamper func(*shelf)) {
		t.Helper()
		s := filled(t)
		tamper(s)
		err := (&shelf{db: s.db, folder: s.folder, clock: s.clock}).open(t)
		if invoq.KindOf(err) != invoq.KindConflict || !strings.Contains(err.Error(), says) {
			t.Errorf("opened: %v, want %q", err, says)
		}
	}
	f("it was rolled back", func(s *shelf) {
		s.forge(t, "DELETE FROM ledger_batches WHERE first_entry >= 500")
	})
	f("are not those whose head was signed", func(s *shelf) {
		s.forge(t, "UPDATE ledger_entries SET quantity = 0 WHERE position = 222")
		s.rehash(t)
	})
}

// A database that was restored from a backup on purpose is continued, and is
// verified against all heads that it still has, once those of what was lost are
// out of the file. Docs tell how.
func TestRestoredOnPurpose(t *testing.T) {
	s := filled(t)
	s.forge(t, "DELETE FROM ledger_entries WHERE position >= 400",
		"DELETE FROM ledger_batches WHERE first_entry >= 400",
		"DELETE FROM ledger_keys WHERE first_entry >= 400",
		"DELETE FROM ledger_heads WHERE size > 400")
	again := &shelf{db: s.db, folder: s.folder, clock: s.clock}
	if err := again.open(t); invoq.KindOf(err) != invoq.KindConflict {
		t.Fatalf("opened as if nothing were lost: %v", err)
	}
	guide, err := os.ReadFile("../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	_, command, found := strings.Cut(string(guide), "mv ledger/heads.txt")
	command, _, ended := strings.Cut("mv ledger/heads.txt"+command, "\n```")
	if !found || !ended {
		t.Fatal("docs/ledger.md does not tell what to do with the file of heads")
	}
	dir := t.TempDir()
	if err := os.Symlink(string(s.folder), filepath.Join(dir, "ledger")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", command)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "SIZE=400")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if err := again.open(t); err != nil {
		t.Fatal(err)
	}
	again.post(t, events(700, 800)...)
	again.sign(t)
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := s.verify(t); !r.OK() || r.Entries != 500 || r.Heads != 5 {
		t.Errorf("verified: %+v", r)
	}
}

// A crash while a head is written loses that head and nothing else.
func TestTornHead(t *testing.T) {
	s := filled(t)
	path := filepath.Join(string(s.folder), "heads.txt")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, b[1:len(b)/6-20]...), 0o600); err != nil {
		t.Fatal(err)
	}
	again := &shelf{db: s.db, folder: s.folder, clock: s.clock}
	if err := again.open(t); err != nil {
		t.Fatal(err)
	}
	again.post(t, events(600, 700)...)
	again.sign(t)
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := s.verify(t); !r.OK() || r.Heads != 7 {
		t.Errorf("verified: %+v", r)
	}
}
