package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/ledger"
)

// Claim settles what functions are counted from, where it is not settled yet,
// and returns what holds.
func (db *DB) Claim(
	ctx context.Context, claims map[ledger.Function]invoq.CountedBy,
) (map[ledger.Function]ledger.Sources, error) {
	// In one order, so that two writers cannot wait for each other.
	functions := slices.SortedFunc(maps.Keys(claims), func(a, b ledger.Function) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Service, b.Service))
	})
	n := len(functions)
	tenants, namespaces := make([]string, n), make([]string, n)
	services, sources := make([]string, n), make([]string, n)
	for i, f := range functions {
		tenants[i], namespaces[i], services[i] = string(f.Tenant), f.Namespace, f.Service
		sources[i] = string(claims[f])
	}
	settled := map[ledger.Function]ledger.Sources{}
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO ledger_sources (tenant_id, namespace, service, source)
			SELECT tenant_id, namespace, service, source
			FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
				AS c (tenant_id, namespace, service, source)
			ON CONFLICT (tenant_id, namespace, service) DO NOTHING`,
			tenants, namespaces, services, sources)
		if err != nil {
			return err
		}
		return readSources(ctx, tx, functions, settled)
	})
	return settled, wrap(err, "settle what %d functions are counted from", n)
}

// readSources fills in what functions are counted from, as far as it is
// settled, and all changes of it.
func readSources(
	ctx context.Context, tx pgx.Tx, functions []ledger.Function,
	settled map[ledger.Function]ledger.Sources,
) error {
	n := len(functions)
	tenants, namespaces, services := make([]string, n), make([]string, n), make([]string, n)
	for i, f := range functions {
		tenants[i], namespaces[i], services[i] = string(f.Tenant), f.Namespace, f.Service
	}
	rows, _ := tx.Query(ctx, `
		SELECT s.tenant_id::text, s.namespace, s.service, s.source
		FROM unnest($1::uuid[], $2::text[], $3::text[]) AS f (tenant_id, namespace, service)
		JOIN ledger_sources s USING (tenant_id, namespace, service)`, tenants, namespaces, services)
	var f ledger.Function
	var first invoq.CountedBy
	_, err := pgx.ForEachRow(rows, []any{&f.Tenant, &f.Namespace, &f.Service, &first}, func() error {
		settled[f] = ledger.Sources{First: first}
		return nil
	})
	if err != nil {
		return err
	}
	rows, _ = tx.Query(ctx, `
		SELECT c.tenant_id::text, c.namespace, c.service, c.source, c.from_hour, c.reason, c.changed_by,
			c.changed_at
		FROM unnest($1::uuid[], $2::text[], $3::text[]) AS f (tenant_id, namespace, service)
		JOIN ledger_source_changes c USING (tenant_id, namespace, service)
		ORDER BY c.change`, tenants, namespaces, services)
	var c ledger.SourceChange
	_, err = pgx.ForEachRow(rows, []any{
		&f.Tenant, &f.Namespace, &f.Service, &c.Source, &c.From, &c.Reason, &c.ChangedBy, &c.ChangedAt,
	}, func() error {
		c.From, c.ChangedAt = c.From.UTC(), c.ChangedAt.UTC()
		s := settled[f]
		s.Changes = append(s.Changes, c)
		settled[f] = s
		return nil
	})
	return err
}
