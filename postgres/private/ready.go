package private

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// readyTimeout bounds how long a start may take: after a crash Postgres
	// replays up to a gigabyte of its log first.
	readyTimeout = 5 * time.Minute
	// readyPoll is the pause between two attempts to connect.
	readyPoll = 20 * time.Millisecond
)

// awaitReady returns when the server answers a query and has our database.
func awaitReady(ctx context.Context, socketDir, password string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := ask(ctx, connectionURL(socketDir, password, "postgres"))
		if err == nil {
			return nil
		}
		if final(err) {
			return fmt.Errorf("connect to the private PostgreSQL: %w", err)
		}
		select {
		case <-ended:
			return errors.New("PostgreSQL ended while it started")
		case <-ctx.Done():
			return fmt.Errorf("wait for the private PostgreSQL (%w): %w", ctx.Err(), err)
		case <-time.After(readyPoll):
		}
	}
}

// ask connects, queries, and makes the application's database if it is not
// there.
func ask(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`,
		database).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+database)
	return err
}

// final reports an answer of the server that asking again will not change, a
// wrong password for one. Class 57P is "not now": starting, shutting down; 53300
// is for the clients that came back faster than we.
func final(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && !strings.HasPrefix(pg.Code, "57P") && pg.Code != "53300"
}
