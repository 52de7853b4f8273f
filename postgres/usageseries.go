package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// SeriesFilter says which windows to read as series. Tenant, Interval and Window
// are required.
type SeriesFilter struct {
	Tenant   invoq.TenantID
	Service  invoq.ServiceID // empty: all
	Interval invoq.Interval  // of the windows' starts
	Window   invoq.WindowSize
	// ByService keeps services apart; false sums them.
	ByService bool
}

// SeriesPoint is the usage of one window, as floats: it is looked at, not
// billed. What corrections have left below 0 is 0.
type SeriesPoint struct {
	Start   time.Time
	Service invoq.ServiceID // empty unless kept apart
	// Values are by meter, in the order of invoq.Meters.
	Values [6]float64
}

// UsageSeries returns the windows in which something was used, by time and
// service.
func (db *DB) UsageSeries(
	ctx context.Context, s invoq.Scope, f SeriesFilter,
) ([]SeriesPoint, error) {
	var all []SeriesPoint
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT u.window_start, CASE WHEN @by_service THEN r.service_id::text ELSE '' END AS service,
				greatest(sum(u.invocations), 0)::float8, greatest(sum(u.duration_ms), 0)::float8,
				greatest(sum(u.mb_ms), 0)::float8, greatest(sum(u.cpu_ms), 0)::float8,
				greatest(sum(u.cold_starts), 0)::float8, greatest(sum(u.errors), 0)::float8
			FROM usage_aggregate u
			JOIN revisions r ON r.id = u.revision_id
			WHERE u.tenant_id = @tenant::uuid AND u.window_seconds = @size
				AND u.window_start >= @start AND u.window_start < @end
				AND (@service = '' OR r.service_id = nullif(@service, '')::uuid)
			GROUP BY 1, 2
			ORDER BY 1, 2`, pgx.NamedArgs{
			"tenant": string(f.Tenant), "size": seconds(f.Window), "service": string(f.Service),
			"start": f.Interval.Start, "end": f.Interval.End, "by_service": f.ByService,
		})
		var err error
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (SeriesPoint, error) {
			var p SeriesPoint
			v := &p.Values
			err := row.Scan(&p.Start, &p.Service, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5])
			p.Start = p.Start.UTC()
			return p, err
		})
		return err
	})
	return all, wrap(err, "read usage of tenant %q as series", f.Tenant)
}

// BusiestServices returns up to limit services of a tenant that were called in an
// interval, those called most first.
func (db *DB) BusiestServices(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID, during invoq.Interval, limit int,
) ([]invoq.Service, error) {
	var all []invoq.Service
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			WITH busy AS (
				SELECT r.service_id, sum(u.invocations) AS calls
				FROM usage_aggregate u
				JOIN revisions r ON r.id = u.revision_id
				WHERE u.tenant_id = $1::uuid AND u.window_seconds = $2
					AND u.window_start >= $3 AND u.window_start < $4
				GROUP BY 1
				HAVING sum(u.invocations) > 0
			)
			SELECT `+serviceColumns+`
			FROM services
			JOIN busy ON service_id = id
			ORDER BY calls DESC, id
			LIMIT $5`, string(tenant), seconds(invoq.Window1h), during.Start, during.End, limit)
		var err error
		all, err = pgx.CollectRows(rows, scanService)
		return err
	})
	return all, wrap(err, "find the busiest services of tenant %q", tenant)
}

// FindService returns a tenant's service by its id or its name. A name that
// several namespaces have is KindConflict.
func (db *DB) FindService(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID, idOrName string,
) (invoq.Service, error) {
	var found []invoq.Service
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+serviceColumns+`
			FROM services
			WHERE tenant_id = @tenant::uuid AND (id::text = lower(@name) OR name = @name)
			ORDER BY (id::text = lower(@name)) DESC
			LIMIT 2`, pgx.NamedArgs{"tenant": string(tenant), "name": idOrName})
		var err error
		found, err = pgx.CollectRows(rows, scanService)
		return err
	})
	switch {
	case err != nil:
		return invoq.Service{}, wrap(err, "find service %q", idOrName)
	case len(found) == 0:
		return invoq.Service{}, invoq.Errorf(invoq.KindNotFound, "no service %q", idOrName)
	case len(found) > 1 && found[0].Name == idOrName:
		return invoq.Service{}, invoq.Errorf(invoq.KindConflict,
			"several namespaces have a service %q: give its id", idOrName)
	}
	return found[0], nil
}
