package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// putEventWindows adds what a posting tells of functions to their windows, and
// registers services and revisions that are new. It is part of the posting's
// transaction, so that windows hold what the book holds: no less after a crash,
// no more after a retry.
func putEventWindows(ctx context.Context, tx pgx.Tx, windows []invoq.Usage) error {
	if len(windows) == 0 {
		return nil
	}
	revisions := revisionsOf(windows)
	ids, err := findRevisions(ctx, tx, revisions)
	if err != nil {
		return fmt.Errorf("find revisions: %w", err)
	}
	if len(ids) < len(revisions) {
		if err := registerRevisions(ctx, tx, revisions); err != nil {
			return fmt.Errorf("register revisions: %w", err)
		}
		if ids, err = findRevisions(ctx, tx, revisions); err != nil {
			return fmt.Errorf("find revisions: %w", err)
		}
	}
	return addWindows(ctx, tx, windows, ids)
}

// toldRevision is a revision as its events name it, in the database's words.
type toldRevision struct {
	Tenant    invoq.TenantID `json:"tenant_id"`
	Namespace string         `json:"namespace"`
	Service   string         `json:"service"`
	Revision  string         `json:"revision"`
}

func revisionOf(u *invoq.Usage) toldRevision {
	return toldRevision{u.TenantID, u.Namespace, u.Service, u.Revision}
}

// revisionsOf returns each revision once.
func revisionsOf(windows []invoq.Usage) []toldRevision {
	seen := map[toldRevision]bool{}
	var all []toldRevision
	for i := range windows {
		if r := revisionOf(&windows[i]); !seen[r] {
			seen[r] = true
			all = append(all, r)
		}
	}
	return all
}

// toldRevisions is a list of revisions as a table.
const toldRevisions = `json_to_recordset($1) AS n (tenant_id uuid, namespace text, service text, revision text)`

// findRevisions returns the ids of the revisions that are registered.
func findRevisions(
	ctx context.Context, tx pgx.Tx, revisions []toldRevision,
) (map[toldRevision]string, error) {
	rows, _ := tx.Query(ctx, `
		SELECT n.tenant_id::text, n.namespace, n.service, n.revision, r.id::text
		FROM `+toldRevisions+`
		JOIN services v ON v.tenant_id = n.tenant_id AND v.namespace = n.namespace AND v.name = n.service
		JOIN revisions r ON r.service_id = v.id AND r.name = n.revision`, revisions)
	ids := make(map[toldRevision]string, len(revisions))
	var r toldRevision
	var id string
	_, err := pgx.ForEachRow(rows, []any{&r.Tenant, &r.Namespace, &r.Service, &r.Revision, &id},
		func() error {
			ids[r] = id
			return nil
		})
	return ids, err
}

// registerRevisions stores the services and revisions that are new, in one
// order, as the aggregation may register the same.
func registerRevisions(ctx context.Context, tx pgx.Tx, revisions []toldRevision) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO services (id, tenant_id, namespace, name)
		SELECT gen_random_uuid(), tenant_id, namespace, service
		FROM (SELECT DISTINCT tenant_id, namespace, service FROM `+toldRevisions+`) AS named
		ORDER BY tenant_id, namespace, service
		ON CONFLICT (tenant_id, namespace, name) DO NOTHING`, revisions)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO revisions (id, tenant_id, service_id, name)
		SELECT gen_random_uuid(), n.tenant_id, v.id, n.revision
		FROM `+toldRevisions+`
		JOIN services v ON v.tenant_id = n.tenant_id AND v.namespace = n.namespace AND v.name = n.service
		ORDER BY v.id, n.revision
		ON CONFLICT (service_id, name) DO NOTHING`, revisions)
	return err
}

// addedWindow is what is added to one window, in the database's words.
type addedWindow struct {
	Tenant        invoq.TenantID `json:"tenant_id"`
	Revision      string         `json:"revision_id"`
	WindowSeconds int            `json:"window_seconds"`
	WindowStart   time.Time      `json:"window_start"`
	Invocations   invoq.Decimal  `json:"invocations"`
	DurationMs    invoq.Decimal  `json:"duration_ms"`
	MBMs          invoq.Decimal  `json:"mb_ms"`
	CPUMs         invoq.Decimal  `json:"cpu_ms"`
	ColdStarts    invoq.Decimal  `json:"cold_starts"`
	Errors        invoq.Decimal  `json:"errors"`
	UpperMs       []jsonFloat    `json:"latency_upper_ms"`
	Counts        []int64        `json:"latency_counts"`
	MaxMemoryMB   invoq.Decimal  `json:"max_memory_mb"`
	UnmeasuredMs  invoq.Decimal  `json:"unmeasured_ms"`
}

// jsonFloat is a number that JSON has no word for when it is infinite; the
// database reads it from a text.
type jsonFloat float64

// MarshalJSON writes the number, or "Infinity".
func (f jsonFloat) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(f), 1) {
		return []byte(`"Infinity"`), nil
	}
	return json.Marshal(float64(f))
}

// addWindows adds to the windows, and says in which order they are locked: days
// come last, when it is this transaction's turn.
func addWindows(
	ctx context.Context, tx pgx.Tx, windows []invoq.Usage, ids map[toldRevision]string,
) error {
	added := make([]addedWindow, len(windows))
	for i := range windows {
		u := &windows[i]
		id, found := ids[revisionOf(u)]
		if !found {
			return fmt.Errorf("revision %q of service %q is not registered", u.Revision, u.Service)
		}
		upper := make([]jsonFloat, len(u.Latency.UpperMs))
		for i, ms := range u.Latency.UpperMs {
			upper[i] = jsonFloat(ms)
		}
		added[i] = addedWindow{
			Tenant: u.TenantID, Revision: id, WindowSeconds: int(u.Duration().Seconds()),
			WindowStart: u.Start, Invocations: u.Invocations, DurationMs: u.DurationMs, MBMs: u.MBMs,
			CPUMs: u.CPUMs, ColdStarts: u.ColdStarts, Errors: u.Errors, UpperMs: upper,
			Counts: orEmpty(u.Latency.Counts), MaxMemoryMB: u.MaxMemoryMB, UnmeasuredMs: u.UnmeasuredMs,
		}
	}
	if err := takeDays(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, addToWindows, added); err != nil {
		return fmt.Errorf("add to %d windows: %w", len(added), err)
	}
	return noteOld(ctx, tx, oldestOf(windows))
}

// oldestOf returns the start of the oldest of the smallest windows.
func oldestOf(windows []invoq.Usage) time.Time {
	oldest := windows[0].End
	for i := range windows {
		u := &windows[i]
		if u.Duration() == invoq.Window5m.Duration() && u.Start.Before(oldest) {
			oldest = u.Start
		}
	}
	return oldest
}

// takeDays makes it this transaction's turn to bring days up to date: the writer
// of the book adds to a day what the aggregation must not sum without.
func takeDays(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT FROM usage_days FOR UPDATE`)
	return wrap(err, "wait for the turn to write days")
}

// sumOfQuantities is how quantities of events add up.
var sumOfQuantities = func() string {
	var set []string
	for _, q := range []string{
		"invocations", "duration_ms", "mb_ms", "cpu_ms", "cold_starts", "errors", "unmeasured_ms",
	} {
		set = append(set, q+" = u."+q+" + excluded."+q)
	}
	return strings.Join(set, ", ")
}()

// addToWindows adds to windows that are there and makes those that are not.
var addToWindows = `
	INSERT INTO usage_aggregate AS u (
		tenant_id, revision_id, window_seconds, window_start, source, ` + quantityColumns + `)
	SELECT tenant_id, revision_id, window_seconds, window_start, 'events', invocations, duration_ms,
		mb_ms, cpu_ms, cold_starts, errors, latency_upper_ms, latency_counts, max_memory_mb, 0, 0,
		unmeasured_ms
	FROM json_to_recordset($1) AS w (
		tenant_id uuid, revision_id uuid, window_seconds integer, window_start timestamptz,
		invocations numeric, duration_ms numeric, mb_ms numeric, cpu_ms numeric, cold_starts numeric,
		errors numeric, latency_upper_ms double precision[], latency_counts bigint[],
		max_memory_mb numeric, unmeasured_ms numeric)
	ON CONFLICT (tenant_id, window_seconds, window_start, revision_id) DO UPDATE
	SET ` + sumOfQuantities + `, max_memory_mb = greatest(u.max_memory_mb, excluded.max_memory_mb),
		(latency_upper_ms, latency_counts) = (
			SELECT coalesce(array_agg(b.upper_ms ORDER BY b.upper_ms), '{}'),
				coalesce(array_agg(b.n ORDER BY b.upper_ms), '{}')
			FROM (
				SELECT upper_ms, sum(n)::bigint AS n
				FROM unnest(u.latency_upper_ms || excluded.latency_upper_ms,
					u.latency_counts || excluded.latency_counts) AS l (upper_ms, n)
				GROUP BY upper_ms
			) AS b)`
