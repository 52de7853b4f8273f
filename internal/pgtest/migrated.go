package pgtest

import (
	"context"
	"log/slog"

	"invoq/postgres"
)

// Migrated is the template of a database with our schema, and nothing in it.
func Migrated() Template {
	return Template{Name: "migrated", Fill: func(ctx context.Context, url string) error {
		db, err := postgres.Open(ctx, url, slog.New(slog.DiscardHandler))
		if err == nil {
			db.Close()
		}
		return err
	}}
}
