package ledger_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"invoq/internal/campaign"
	"invoq/internal/pgtest"
)

// onDisk is a book in a server of its own, which can be stopped to get at the
// files below it.
type onDisk struct {
	*shelf
	pg *pgtest.Server
	// data is the folder of the server's data, table the file of one month.
	data, table string
}

func newOnDisk(t *testing.T) *onDisk {
	t.Helper()
	pg := pgtest.Private(t)
	if err := pgtest.Migrated().Fill(t.Context(), pg.URL()); err != nil {
		t.Fatal(err)
	}
	d := &onDisk{shelf: newShelfAt(t, pg.URL()), pg: pg}
	d.fill(t)
	// The book is small, and would be read whole for the sake of each batch.
	d.exec(t, "ALTER DATABASE invoq SET enable_seqscan = off")
	err := d.owner.QueryRow(t.Context(), `
		SELECT current_setting('data_directory'), pg_relation_filepath('ledger_entries_202601')`).
		Scan(&d.data, &d.table)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rewrite stops the server, changes bytes in the file of the table and starts
// the server again.
func (d *onDisk) rewrite(t *testing.T, from, to string) {
	t.Helper()
	d.down(t)
	path := filepath.Join(d.data, d.table)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(b, []byte(from)) != 1 || len(from) != len(to) {
		t.Fatalf("%q stands %d times in the file", from, bytes.Count(b, []byte(from)))
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // Its owner stays the same.
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(to), int64(bytes.Index(b, []byte(from)))); err != nil {
		t.Fatal(err)
	}
	d.pg.Start(t)
	d.owner.Reset()
	d.db.Pool().Reset()
}

// down stops the server with all that it has to write.
func (d *onDisk) down(t *testing.T) {
	t.Helper()
	d.owner.Reset()
	d.db.Pool().Reset()
	if err := d.pg.Server.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// withoutChecksums has the server's own tool switch checksums off, as whoever
// can write the files could.
func (d *onDisk) withoutChecksums(t *testing.T) {
	t.Helper()
	var programs string
	err := d.owner.QueryRow(t.Context(),
		"SELECT setting FROM pg_config WHERE name = 'BINDIR'").Scan(&programs)
	if err != nil {
		t.Fatal(err)
	}
	d.down(t)
	out, err := exec.CommandContext(t.Context(), filepath.Join(programs, "pg_checksums"),
		"--disable", "-D", d.data).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_checksums: %v\n%s", err, out)
	}
	d.pg.Start(t)
}

// Bytes that are changed below the database are found by the database where it
// has checksums, and by the book's own hashes where they were switched off.
func TestCampaignTamperingOnDisk(t *testing.T) {
	campaign.Begin(t)
	for name, x := range map[string]struct {
		prepare  func(*onDisk, *testing.T)
		from, to string
		says     string
	}{
		"a page, with checksums": {
			func(*onDisk, *testing.T) {}, "req-342", "req-942", "its entries cannot be read",
		},
		"a page, checksums switched off": {
			(*onDisk).withoutChecksums, "req-342", "req-942", "entry 342: the entry is not what was hashed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newOnDisk(t)
			x.prepare(d, t)
			d.rewrite(t, x.from, x.to)
			r := d.verify(t)
			// Where a page is refused whole, batches that end on it are refused too.
			first, found := r.FirstBad()
			if !found || first > 300 || first < 200 || !strings.Contains(said(r), x.says) {
				t.Errorf("the first bad batch is said to be at %d: %s", first, said(r))
			}
		})
	}
}
