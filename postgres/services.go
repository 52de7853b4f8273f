package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"invoq"
)

const serviceColumns = `
	id::text, tenant_id::text, namespace, name, runtime, memory_limit_mb, cpu_limit_cores,
	tags, coalesce(source_at(tenant_id, namespace, name, now()), ''), created_at`

// scanService reads a row of serviceColumns.
func scanService(row pgx.CollectableRow) (invoq.Service, error) {
	var s invoq.Service
	err := row.Scan(&s.ID, &s.TenantID, &s.Namespace, &s.Name, &s.Runtime, &s.MemoryLimitMB,
		&s.CPULimitCores, &s.Tags, &s.CountedBy, &s.CreatedAt)
	s.CreatedAt = s.CreatedAt.UTC()
	return s, err
}

// PutService stores a service, or what is known about one that its series have
// registered already: the natural key is tenant, namespace and name.
func (db *DB) PutService(ctx context.Context, sc invoq.Scope, s invoq.Service) (invoq.Service, error) {
	if s.Tags == nil {
		s.Tags = map[string]string{}
	}
	err := db.in(ctx, sc, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			INSERT INTO services (
				id, tenant_id, namespace, name, runtime, memory_limit_mb, cpu_limit_cores, tags)
			VALUES (
				@id, @tenant_id, @namespace, @name, @runtime, @memory_limit_mb, @cpu_limit_cores, @tags)
			ON CONFLICT (tenant_id, namespace, name) DO UPDATE
			SET runtime = excluded.runtime, memory_limit_mb = excluded.memory_limit_mb,
				cpu_limit_cores = excluded.cpu_limit_cores, tags = excluded.tags
			RETURNING `+serviceColumns,
			pgx.NamedArgs{
				"id": newID(), "tenant_id": s.TenantID, "namespace": s.Namespace, "name": s.Name,
				"runtime": s.Runtime, "memory_limit_mb": s.MemoryLimitMB,
				"cpu_limit_cores": s.CPULimitCores, "tags": s.Tags,
			})
		var err error
		s, err = pgx.CollectExactlyOneRow(rows, scanService)
		return err
	})
	return s, wrap(err, "store service %q", s.Name)
}

// ListServices returns the services in scope by tenant, namespace and name,
// of one tenant unless it is empty; Page.After is the last id seen.
func (db *DB) ListServices(
	ctx context.Context, sc invoq.Scope, tenant invoq.TenantID, p invoq.Page,
) ([]invoq.Service, error) {
	var all []invoq.Service
	err := db.in(ctx, sc, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+serviceColumns+`
			FROM services
			WHERE (@tenant = '' OR tenant_id = nullif(@tenant, '')::uuid)
				AND (@after = '' OR (tenant_id, namespace, name) > (
					SELECT tenant_id, namespace, name FROM services WHERE id::text = @after))
			ORDER BY tenant_id, namespace, name
			LIMIT @limit`,
			pgx.NamedArgs{"tenant": string(tenant), "after": p.After, "limit": p.Limit})
		var err error
		all, err = pgx.CollectRows(rows, scanService)
		return err
	})
	return all, wrap(err, "list services")
}

// ListRevisions returns the revisions of a service, the newest first.
func (db *DB) ListRevisions(
	ctx context.Context, sc invoq.Scope, service invoq.ServiceID,
) ([]invoq.Revision, error) {
	var all []invoq.Revision
	err := db.in(ctx, sc, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT id::text, service_id::text, name, created_at
			FROM revisions
			WHERE service_id::text = $1
			ORDER BY created_at DESC, name DESC
			LIMIT $2`, service, invoq.MaxPageSize)
		var err error
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (invoq.Revision, error) {
			var r invoq.Revision
			err := row.Scan(&r.ID, &r.ServiceID, &r.Name, &r.CreatedAt)
			r.CreatedAt = r.CreatedAt.UTC()
			return r, err
		})
		return err
	})
	return all, wrap(err, "list revisions of service %q", service)
}

// ServiceTags returns the tags of the tenants' services that have any, by
// namespace and name.
func (db *DB) ServiceTags(
	ctx context.Context, s invoq.Scope, tenants []invoq.TenantID,
) (map[invoq.TenantID][]invoq.ServiceTags, error) {
	all := map[invoq.TenantID][]invoq.ServiceTags{}
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT tenant_id::text, namespace, name, tags
			FROM services
			WHERE tenant_id = ANY ($1::uuid[]) AND tags <> '{}'
			ORDER BY tenant_id, namespace, name`, texts(tenants))
		var id invoq.TenantID
		var t invoq.ServiceTags
		_, err := pgx.ForEachRow(rows, []any{&id, &t.Namespace, &t.Service, &t.Tags}, func() error {
			all[id] = append(all[id], t)
			t.Tags = nil // The next row gets a map of its own.
			return nil
		})
		return err
	})
	return all, wrap(err, "read tags of services of %d tenants", len(tenants))
}
