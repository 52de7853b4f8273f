package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"invoq"
)

//go:embed migrations/*.sql
var migrations embed.FS

// appRole is the role that the application works as.
const appRole = "invoq_app"

// DB is a pool of connections. It is safe for concurrent use.
type DB struct {
	pool *pgxpool.Pool
	log  *slog.Logger
}

// Open connects, brings the schema up to date under an advisory lock, and
// returns a pool whose connections work as the application's role. The URL's
// user must be able to create tables, and the role invoq_app or a member of it.
func Open(ctx context.Context, url string, log *slog.Logger) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error may repeat the URL and so the password.
		return nil, invoq.Errorf(invoq.KindUnprocessable, "the database URL cannot be read; "+
			"it looks like postgres://user:password@host:5432/invoq")
	}
	if err := reach(ctx, cfg.ConnConfig.Copy()); err != nil {
		return nil, err
	}
	if err := migrate(ctx, cfg.Copy()); err != nil {
		return nil, fmt.Errorf("migrate database: %w", err)
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SET ROLE "+appRole)
		return err
	}
	cfg.MaxConnIdleTime = 5 * time.Minute
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to database: %w", err)
	}
	return &DB{pool: pool, log: log}, nil
}

// reach connects once, to say in one line why that fails: it is tried at every
// address, and with and without TLS, and the driver tells of each.
func reach(ctx context.Context, cfg *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err == nil {
		return conn.Close(ctx)
	}
	var tries []string
	for line := range strings.Lines(err.Error()) {
		_, reason, found := strings.Cut(strings.TrimSpace(line), "): ") // host (address): …
		if found && !slices.Contains(tries, reason) {
			tries = append(tries, reason)
		}
	}
	if len(tries) == 0 {
		tries = []string{strings.Join(strings.Fields(err.Error()), " ")}
	}
	return invoq.Errorf(invoq.KindUnavailable, "cannot connect to the database %q at %s:%d: %s",
		cfg.Database, cfg.Host, cfg.Port, strings.Join(tries, "; "))
}

// Pool returns the connections, for the job queue, which shares them.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Close waits for connections in use and closes them all.
func (db *DB) Close() { db.pool.Close() }

// Health returns an error of KindUnavailable when the database does not answer.
func (db *DB) Health(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return invoq.Errorf(invoq.KindUnavailable, "the database does not answer").WithCause(err)
	}
	return nil
}

// migrate runs our migrations and then the job queue's.
func migrate(ctx context.Context, cfg *pgxpool.Config) error {
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer pool.Close()
	conn := stdlib.OpenDBFromPool(pool)
	defer conn.Close()
	if err := migrateOurs(ctx, conn); err != nil {
		return err
	}
	return migrateJobs(ctx, pool)
}

// migrateOurs applies the embedded migrations. Servers that start together wait
// for each other at the lock.
func migrateOurs(ctx context.Context, conn *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read embedded migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, conn, files,
		goose.WithSessionLocker(locker), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("apply migrations: %w", err)
	}
	return nil
}

// jobsLock is the advisory lock under which the job queue's tables are made.
const jobsLock = 0x696e766f71 // "invoq"

// migrateJobs holds the lock in a session of its own: the job queue's
// migrations need a transaction each.
func migrateJobs(ctx context.Context, pool *pgxpool.Pool) error {
	return pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", jobsLock); err != nil {
			return fmt.Errorf("lock job tables: %w", err)
		}
		// The lock also ends with the session; this only frees it sooner.
		defer c.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", jobsLock)
		m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
		if err != nil {
			return fmt.Errorf("read job migrations: %w", err)
		}
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("apply job migrations: %w", err)
		}
		_, err = c.Exec(ctx, `
			DO $$
			DECLARE object text;
			BEGIN
				FOR object IN
					SELECT format('GRANT ALL ON %s %I TO invoq_app',
						CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname)
					FROM pg_class
					WHERE relname LIKE 'river\_%' AND relkind IN ('r', 'S')
						AND relnamespace = current_schema()::regnamespace
				LOOP
					EXECUTE object;
				END LOOP;
			END $$`)
		if err != nil {
			return fmt.Errorf("grant job tables: %w", err)
		}
		return nil
	})
}

// in runs fn in a transaction that sees the rows in scope and no others.
func (db *DB) in(ctx context.Context, s invoq.Scope, fn func(pgx.Tx) error) error {
	return db.inTx(ctx, s, pgx.TxOptions{}, fn)
}

// atOneMoment runs fn in a transaction that only reads, and whose every query
// sees the database as it was at the first.
func (db *DB) atOneMoment(ctx context.Context, s invoq.Scope, fn func(pgx.Tx) error) error {
	return db.inTx(ctx, s, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, fn)
}

func (db *DB) inTx(ctx context.Context, s invoq.Scope, how pgx.TxOptions, fn func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, db.pool, how, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT set_config('invoq.scope', $1, true)", s.String()); err != nil {
			return fmt.Errorf("set scope: %w", err)
		}
		return fn(tx)
	})
	return asError(err)
}

// asError turns what the database says into what a caller can act on.
func asError(err error) error {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case err == nil:
		return nil
	case invoq.KindOf(err) != invoq.KindInternal:
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return invoq.Errorf(invoq.KindNotFound, "not found")
	case errors.As(err, &connect), errors.Is(err, context.DeadlineExceeded):
		return invoq.Errorf(invoq.KindUnavailable, "the database does not answer; try again").WithCause(err)
	case errors.As(err, &pg) && (pg.Code[:2] == "57" || pg.Code[:2] == "53" || pg.Code[:2] == "08"):
		return invoq.Errorf(invoq.KindUnavailable, "the database is not available; try again").WithCause(err)
	case errors.As(err, &pg) && slices.Contains(badText, pg.Code):
		return invoq.Errorf(invoq.KindInvalid, "a value of the request is not one that there can be").WithCause(err)
	}
	return err
}

// badText are the codes by which the database refuses a text: not in its
// encoding, no UUID or number, a character that it cannot hold.
var badText = []string{"22021", "22P02", "22P05"}

// conflict reports whether the error is a breach of the named unique constraint.
func conflict(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && pg.ConstraintName == constraint
}
