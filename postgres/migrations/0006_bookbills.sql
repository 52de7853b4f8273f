-- +goose Up

-- A bill is computed from the book up to a head, which it names, with the
-- version of the cost catalogue and the tags that chose rates.
ALTER TABLE bills
    ADD COLUMN head_size bigint NOT NULL DEFAULT 0 CHECK (head_size >= 0),
    ADD COLUMN head_root text NOT NULL DEFAULT '',
    ADD COLUMN catalogue bigint NOT NULL DEFAULT 0,
    ADD COLUMN tags      jsonb NOT NULL DEFAULT '[]';

-- All bills of a run are computed up to one head: that of when it was asked for.
ALTER TABLE bill_runs
    ADD COLUMN head_size bigint NOT NULL DEFAULT 0 CHECK (head_size >= 0);

-- How far usage had been counted when hours were last compared with the book,
-- and from where on hours that were posted have been counted again since; every
-- such count has a number.
ALTER TABLE ledger_windows
    ADD COLUMN counted   timestamptz,
    ADD COLUMN recounted timestamptz,
    ADD COLUMN recounts  bigint NOT NULL DEFAULT 0;

-- Sums of entries by calendar month, so that a bill reads a row where the book
-- has thousands. They say nothing that the entries do not: thrown away, they are
-- made again from position 0.
CREATE TABLE ledger_sums (
    tenant_id uuid NOT NULL,
    month     text NOT NULL, -- 2026-03, in the zone
    zone      text NOT NULL, -- the tenant's when the entries were added up
    namespace text NOT NULL,
    service   text NOT NULL,
    revision  text NOT NULL,
    meter     text NOT NULL,
    model     text NOT NULL,
    currency  text NOT NULL,
    quantity  numeric NOT NULL,
    costed    numeric NOT NULL, -- how much of the quantity has a known cost
    real_cost numeric NOT NULL,
    billed    numeric NOT NULL,
    catalogue bigint NOT NULL, -- the latest version
    entries   bigint NOT NULL,
    -- What Invoq's own windows say of how sure they are.
    gap_seconds   numeric NOT NULL,
    assumed       numeric NOT NULL,
    unmeasured_ms numeric NOT NULL,
    first_entry bigint NOT NULL,
    last_entry  bigint NOT NULL,
    PRIMARY KEY (tenant_id, month, zone, namespace, service, revision, meter, model, currency)
);

-- Up to which position entries are added up; one row.
CREATE TABLE ledger_summed (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    until    bigint NOT NULL CHECK (until >= 0)
);
INSERT INTO ledger_summed (until) VALUES (0);

ALTER TABLE ledger_sums ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ledger_sums USING (in_scope(tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger_sums TO invoq_app;
GRANT SELECT, UPDATE ON ledger_summed TO invoq_app;

-- quality reads a figure that Invoq's own windows have among their labels. It
-- stands on every entry of an event, and is counted on one of them.
-- +goose StatementBegin
CREATE FUNCTION quality(request_id text, meter text, labels text, figure text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN labels <> '' AND meter = 'invocations' AND request_id LIKE 'window:%'
        THEN coalesce((labels::jsonb ->> figure)::numeric, 0) ELSE 0 END
$$;
-- +goose StatementEnd

-- calendar returns the zone, or UTC in place of one that there is not: such a
-- tenant cannot be billed, and must not keep others from it.
-- +goose StatementBegin
CREATE FUNCTION calendar(zone text) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    PERFORM now() AT TIME ZONE zone;
    RETURN zone;
EXCEPTION
    WHEN invalid_parameter_value THEN RETURN 'UTC';
END $$;
-- +goose StatementEnd

-- What is pinned never changes on an issued bill, as the rest of its content.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION bill_life() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION 'a bill begins as a draft' USING ERRCODE = 'IV001';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'bills are never deleted' USING ERRCODE = 'IV001';
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'draft' THEN
        IF (NEW.id, NEW.tenant_id, NEW.period_start, NEW.period_end)
            IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.period_start, OLD.period_end) THEN
            RAISE EXCEPTION 'a draft keeps its tenant and its period' USING ERRCODE = 'IV001';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('draft', 'final'), ('draft', 'void'), ('final', 'paid'), ('final', 'void')
    ) THEN
        RAISE EXCEPTION 'the bill is % and cannot become %', OLD.status, NEW.status USING ERRCODE = 'IV001';
    END IF;
    IF (NEW.id, NEW.tenant_id, NEW.period_start, NEW.period_end, NEW.timezone, NEW.currency, NEW.plan_id,
            NEW.plan_version, NEW.total_amount, NEW.line_items, NEW.created_at, NEW.parts, NEW.warnings,
            NEW.sha256, NEW.corrects, NEW.head_size, NEW.head_root, NEW.catalogue, NEW.tags)
        IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.period_start, OLD.period_end, OLD.timezone, OLD.currency,
            OLD.plan_id, OLD.plan_version, OLD.total_amount, OLD.line_items, OLD.created_at, OLD.parts,
            OLD.warnings, OLD.sha256, OLD.corrects, OLD.head_size, OLD.head_root, OLD.catalogue, OLD.tags)
        OR OLD.status <> 'draft'
            AND (NEW.number, NEW.finalized_at) IS DISTINCT FROM (OLD.number, OLD.finalized_at) THEN
        RAISE EXCEPTION 'the content of an issued bill never changes' USING ERRCODE = 'IV001';
    END IF;
    -- Whoever makes bills final holds the row of their series, so that nobody else
    -- does meanwhile.
    IF NEW.status = 'final' AND EXISTS (
        SELECT FROM bills b
        WHERE b.tenant_id = NEW.tenant_id AND b.id <> NEW.id AND b.status IN ('final', 'paid')
            AND b.period_end > NEW.period_start AND b.period_start < NEW.period_end
    ) THEN
        RAISE EXCEPTION 'a part of the period is on another bill already' USING ERRCODE = 'IV001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION bill_life() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION 'a bill begins as a draft' USING ERRCODE = 'IV001';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'bills are never deleted' USING ERRCODE = 'IV001';
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'draft' THEN
        IF (NEW.id, NEW.tenant_id, NEW.period_start, NEW.period_end)
            IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.period_start, OLD.period_end) THEN
            RAISE EXCEPTION 'a draft keeps its tenant and its period' USING ERRCODE = 'IV001';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('draft', 'final'), ('draft', 'void'), ('final', 'paid'), ('final', 'void')
    ) THEN
        RAISE EXCEPTION 'the bill is % and cannot become %', OLD.status, NEW.status USING ERRCODE = 'IV001';
    END IF;
    IF (NEW.id, NEW.tenant_id, NEW.period_start, NEW.period_end, NEW.timezone, NEW.currency, NEW.plan_id,
            NEW.plan_version, NEW.total_amount, NEW.line_items, NEW.created_at, NEW.parts, NEW.warnings,
            NEW.sha256, NEW.corrects)
        IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.period_start, OLD.period_end, OLD.timezone, OLD.currency,
            OLD.plan_id, OLD.plan_version, OLD.total_amount, OLD.line_items, OLD.created_at, OLD.parts,
            OLD.warnings, OLD.sha256, OLD.corrects)
        OR OLD.status <> 'draft'
            AND (NEW.number, NEW.finalized_at) IS DISTINCT FROM (OLD.number, OLD.finalized_at) THEN
        RAISE EXCEPTION 'the content of an issued bill never changes' USING ERRCODE = 'IV001';
    END IF;
    -- Whoever makes bills final holds the row of their series, so that nobody else
    -- does meanwhile.
    IF NEW.status = 'final' AND EXISTS (
        SELECT FROM bills b
        WHERE b.tenant_id = NEW.tenant_id AND b.id <> NEW.id AND b.status IN ('final', 'paid')
            AND b.period_end > NEW.period_start AND b.period_start < NEW.period_end
    ) THEN
        RAISE EXCEPTION 'a part of the period is on another bill already' USING ERRCODE = 'IV001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
DROP FUNCTION calendar, quality;
DROP TABLE ledger_summed, ledger_sums;
ALTER TABLE ledger_windows DROP COLUMN counted, DROP COLUMN recounted, DROP COLUMN recounts;
ALTER TABLE bill_runs DROP COLUMN head_size;
ALTER TABLE bills DROP COLUMN head_size, DROP COLUMN head_root, DROP COLUMN catalogue, DROP COLUMN tags;
