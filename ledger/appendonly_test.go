package ledger_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"invoq"
)

// The database itself refuses to change the book: to the application because
// it has no right, to the owner of the tables because of the triggers.
func TestDatabaseRefusesToChangeTheBook(t *testing.T) {
	s := newShelf(t)
	s.post(t, events(0, 10)...)
	s.sign(t)
	statements := []string{
		"UPDATE ledger_entries SET quantity = 0",
		"DELETE FROM ledger_entries",
		"TRUNCATE ledger_entries",
		"UPDATE ledger_entries_202601 SET quantity = 0",
		"DELETE FROM ledger_entries_202601",
		"TRUNCATE ledger_entries_202601",
		"UPDATE ledger_batches SET root = root",
		"DELETE FROM ledger_batches",
		"TRUNCATE ledger_batches",
		"DELETE FROM ledger_keys",
		"UPDATE ledger_keys SET content = id",
		"TRUNCATE ledger_keys",
		"DELETE FROM ledger_heads",
		"TRUNCATE ledger_refusals",
	}
	forApp := append([]string{
		"SELECT * FROM ledger_entries_202601",
		"ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
		"SET session_replication_role = replica",
		"DROP TABLE ledger_entries_202601",
		"ALTER TABLE ledger_entries DETACH PARTITION ledger_entries_202601",
		"INSERT INTO ledger_entries SELECT * FROM ledger_entries",
	}, statements...)
	refused := func(role, statement string) {
		t.Helper()
		err := pgx.BeginFunc(t.Context(), s.owner, func(tx pgx.Tx) error {
			if role != "" {
				if _, err := tx.Exec(t.Context(), "SET ROLE "+role); err != nil {
					return err
				}
			}
			_, err := tx.Exec(t.Context(), statement)
			return err
		})
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "42501" {
			t.Errorf("%s as %q: %v, want it refused with 42501", statement, role, err)
		}
	}
	for _, statement := range forApp {
		refused("invoq_app", statement)
	}
	for _, statement := range statements {
		refused("", statement)
	}
	if r := s.verify(t); !r.OK() || r.Entries != 10 {
		t.Errorf("afterwards: %+v", r)
	}
}

// A tenant reads its own entries and no others.
func TestTenantsReadTheirOwnEntries(t *testing.T) {
	s := newShelf(t)
	s.post(t, events(0, 30)...)
	tenant, err := s.db.FindTenant(t.Context(), invoq.Everyone(), "tenant-1")
	if err != nil {
		t.Fatal(err)
	}
	f := func(scope invoq.Scope, want int) {
		t.Helper()
		got, err := s.db.Entries(t.Context(), scope, 0, 100)
		if err != nil || len(got) != want {
			t.Errorf("scope %q reads %d entries, want %d: %v", scope, len(got), want, err)
		}
	}
	f(invoq.Everyone(), 30)
	f(invoq.Only(tenant.ID), 10)
	f(invoq.Scope{}, 0)
}
