package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// revisionName is what a revision is called, and its service's tags.
type revisionName struct {
	namespace, service, revision string
	tags                         map[string]string // nil when there are none
}

// name puts the name on a row of usage.
func (n revisionName) name(u *invoq.Usage) {
	u.Namespace, u.Service, u.Revision, u.Tags = n.namespace, n.service, n.revision, n.tags
}

// revisionNames looks up many revisions, one table at a time. A join would
// be planned for the few rows that row-level security is guessed to leave, and
// take a loop over two whole tables for each.
func revisionNames(ctx context.Context, tx pgx.Tx, ids map[string]bool) (map[string]revisionName, error) {
	all := make(map[string]revisionName, len(ids))
	services := map[string]string{} // of revisions
	rows, _ := tx.Query(ctx, `
		SELECT id::text, service_id::text, name
		FROM revisions
		WHERE id = ANY (@ids::uuid[])`, pgx.NamedArgs{"ids": slices.Collect(maps.Keys(ids))})
	var id, service, revision string
	_, err := pgx.ForEachRow(rows, []any{&id, &service, &revision}, func() error {
		all[id] = revisionName{revision: revision}
		services[id] = service
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := map[string]revisionName{}
	rows, _ = tx.Query(ctx, `
		SELECT id::text, namespace, name, nullif(tags, '{}')
		FROM services
		WHERE id = ANY (@ids::uuid[])`, pgx.NamedArgs{"ids": slices.Compact(slices.Sorted(maps.Values(services)))})
	var n revisionName
	_, err = pgx.ForEachRow(rows, []any{&id, &n.namespace, &n.service, &n.tags}, func() error {
		found[id] = n
		n.tags = nil // The next row gets a map of its own.
		return nil
	})
	for id, n := range all {
		of := found[services[id]]
		of.revision = n.revision
		all[id] = of
	}
	return all, err
}

// byName orders usage by namespace, service and revision.
func byName(a, b invoq.Usage) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service),
		cmp.Compare(a.Revision, b.Revision))
}
