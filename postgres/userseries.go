package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/ledger"
)

// User is who inside a tenant caused usage, as the book knows them.
type User struct {
	ID   ledger.UserID
	Name string // empty: erased
}

// FindUser returns a tenant's user by id or name.
func (db *DB) FindUser(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID, idOrName string,
) (User, error) {
	var found []User
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT id::text, coalesce(name, '')
			FROM ledger_users
			WHERE tenant_id = $1::uuid AND (id::text = lower($2) OR name = $2)
			ORDER BY (id::text = lower($2)) DESC
			LIMIT 1`, string(tenant), idOrName)
		var err error
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[User])
		return err
	})
	switch {
	case err != nil:
		return User{}, wrap(err, "find user %q", idOrName)
	case len(found) == 0:
		return User{}, invoq.Errorf(invoq.KindNotFound, "no user %q has used anything", idOrName)
	}
	return found[0], nil
}

// UserFilter says which entries of the book to read as series.
type UserFilter struct {
	Tenant   invoq.TenantID
	User     ledger.UserID
	Interval invoq.Interval // of when it was used
	Step     time.Duration  // of the series, counted from 1970
}

// UserPoint is what a user used of a meter in one step and is billed for it, in
// the currency it is billed in, as floats: it is looked at, not billed.
type UserPoint struct {
	Start    time.Time
	Meter    invoq.Meter
	Currency invoq.Currency
	Quantity float64
	Billed   float64
	// Unpriced is how many entries have no price: they are not in Billed.
	Unpriced int64
}

// UserSeries returns the steps in which the user used something, by time, meter
// and currency. What bills ask for beside usage is none. It reads the entries of
// the tenant in the interval.
func (db *DB) UserSeries(ctx context.Context, s invoq.Scope, f UserFilter) ([]UserPoint, error) {
	var all []UserPoint
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT date_bin(make_interval(secs => @step), event_time, timestamptz '1970-01-01 00:00:00Z'),
				meter, coalesce(nullif(billed_currency, ''), currency), sum(quantity)::float8,
				coalesce(sum(billed_cost), 0)::float8,
				count(*) FILTER (WHERE billed_cost IS NULL)
			FROM ledger_entries
			WHERE tenant_id = @tenant::uuid AND user_id = @user::uuid
				AND event_time >= @start AND event_time < @end AND meter <> @true_up
			GROUP BY 1, 2, 3
			ORDER BY 1, 2, 3`, pgx.NamedArgs{
			"true_up": invoq.TrueUp, "tenant": string(f.Tenant), "user": string(f.User), "step": f.Step.Seconds(),
			"start": f.Interval.Start, "end": f.Interval.End,
		})
		var err error
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (UserPoint, error) {
			p, err := pgx.RowToStructByPos[UserPoint](row)
			p.Start = p.Start.UTC()
			return p, err
		})
		return err
	})
	return all, wrap(err, "read usage of user %q as series", f.User)
}
