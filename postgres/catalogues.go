package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// Catalogue is a stored version of the owner's cost catalogue.
type Catalogue struct {
	Version   int64 // 1 and up; 0 where there is none yet
	Currency  invoq.Currency
	Items     json.RawMessage
	CreatedAt time.Time
	CreatedBy string
}

// LatestCatalogue returns the version in force if it is later than known, else
// a catalogue of version 0.
func (db *DB) LatestCatalogue(ctx context.Context, known int64) (Catalogue, error) {
	var c Catalogue
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT version, currency, items, created_at, created_by
			FROM cost_catalogues
			WHERE version > $1
			ORDER BY version DESC
			LIMIT 1`, known).Scan(&c.Version, &c.Currency, &c.Items, &c.CreatedAt, &c.CreatedBy)
	})
	if invoq.KindOf(err) == invoq.KindNotFound {
		return Catalogue{}, nil
	}
	c.CreatedAt = c.CreatedAt.UTC()
	return c, wrap(err, "read the cost catalogue")
}

// PutCatalogue stores the next version. One that another has stored meanwhile
// is KindConflict.
func (db *DB) PutCatalogue(ctx context.Context, c Catalogue) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO cost_catalogues (version, currency, items, created_by)
			VALUES ($1, $2, $3, $4)`, c.Version, c.Currency, []byte(c.Items), c.CreatedBy)
		if conflict(err, "cost_catalogues_pkey") {
			return invoq.Errorf(invoq.KindConflict, "somebody else has just stored version %d", c.Version)
		}
		return err
	})
	return wrap(err, "store version %d of the cost catalogue", c.Version)
}
