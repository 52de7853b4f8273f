package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/ledger"
)

// ServiceSources returns a service by its id and what it is counted from.
func (db *DB) ServiceSources(
	ctx context.Context, s invoq.Scope, id invoq.ServiceID,
) (invoq.Service, ledger.Sources, error) {
	var v invoq.Service
	var sources ledger.Sources
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var err error
		v, sources, err = serviceSources(ctx, tx, id, "")
		return err
	})
	return v, sources, wrap(err, "read what service %q is counted from", id)
}

// serviceSources reads a service and its sources; lock is how its row is locked.
func serviceSources(
	ctx context.Context, tx pgx.Tx, id invoq.ServiceID, lock string,
) (invoq.Service, ledger.Sources, error) {
	rows, _ := tx.Query(ctx, `SELECT `+serviceColumns+` FROM services WHERE id::text = lower($1) `+lock,
		string(id))
	v, err := pgx.CollectExactlyOneRow(rows, scanService)
	if err != nil {
		return v, ledger.Sources{}, err
	}
	f := ledger.Function{Tenant: v.TenantID, Namespace: v.Namespace, Service: v.Name}
	settled := map[ledger.Function]ledger.Sources{}
	err = readSources(ctx, tx, []ledger.Function{f}, settled)
	return v, settled[f], err
}

// ChangeSource stores, in the scope of everyone, the change that decide makes of
// a service's sources, which nobody else can change meanwhile, and returns them
// with it. It is KindUnavailable when another service's source is changed at the
// same moment.
func (db *DB) ChangeSource(
	ctx context.Context, s invoq.Scope, id invoq.ServiceID,
	decide func(ledger.Sources) (ledger.SourceChange, error),
) (ledger.Sources, error) {
	var sources ledger.Sources
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		v, now, err := serviceSources(ctx, tx, id, "FOR NO KEY UPDATE")
		if err != nil {
			return err
		}
		change, err := decide(now)
		if err != nil {
			return err
		}
		if now.First == "" {
			if err := settleSource(ctx, tx, v, change.Source); err != nil {
				return err
			}
			now.First = change.Source
		}
		sources = ledger.Sources{First: now.First, Changes: append(now.Changes, change)}
		return putSourceChange(ctx, tx, v, change)
	})
	if conflict(err, "ledger_source_changes_pkey") {
		return sources, invoq.Errorf(invoq.KindUnavailable,
			"the source of another service was changed at the same moment; try again")
	}
	return sources, wrap(err, "change what service %q is counted from", id)
}

// settleSource settles what a service without usage is counted from. Usage may
// have come since it was read.
func settleSource(ctx context.Context, tx pgx.Tx, v invoq.Service, by invoq.CountedBy) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO ledger_sources (tenant_id, namespace, service, source)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id, namespace, service) DO NOTHING`,
		string(v.TenantID), v.Namespace, v.Name, string(by))
	if err == nil && tag.RowsAffected() == 0 {
		return invoq.Errorf(invoq.KindConflict,
			"the service's first usage has just settled what it is counted from; look at it again")
	}
	return err
}

// putSourceChange stores a change under the number after the last.
func putSourceChange(
	ctx context.Context, tx pgx.Tx, v invoq.Service, c ledger.SourceChange,
) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO ledger_source_changes (
			change, tenant_id, namespace, service, source, from_hour, reason, changed_by, changed_at)
		SELECT coalesce(max(change), 0) + 1, @tenant, @namespace, @service, @source, @from, @reason,
			@changed_by, @changed_at
		FROM ledger_source_changes`, pgx.NamedArgs{
		"tenant": string(v.TenantID), "namespace": v.Namespace, "service": v.Name,
		"source": string(c.Source), "from": c.From, "reason": c.Reason, "changed_by": c.ChangedBy,
		"changed_at": c.ChangedAt,
	})
	return err
}
