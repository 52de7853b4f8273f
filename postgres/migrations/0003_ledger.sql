-- +goose Up

-- Who entries belong to. Entries hold the id alone, so that erasing a name
-- leaves the book as it is.
CREATE TABLE ledger_users (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    name       text CHECK (octet_length(name) BETWEEN 1 AND 128), -- NULL: erased
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
);

-- The book. tenant_id and user_id have no foreign keys: the one writer looks
-- them up itself, and a check for each row would cost more than the row.
CREATE TABLE ledger_entries (
    position    bigint NOT NULL CHECK (position >= 0),
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    platform    text NOT NULL,
    provider    text NOT NULL,
    namespace   text NOT NULL,
    service     text NOT NULL,
    revision    text NOT NULL,
    meter       text NOT NULL,
    quantity    numeric NOT NULL,
    catalogue   bigint NOT NULL, -- version of the cost catalogue; 0: none
    currency    text NOT NULL,
    unit_cost   numeric, -- NULL, like real_cost: no cost is known
    real_cost   numeric,
    billed_cost numeric, -- NULL: no price is known
    model       text NOT NULL,
    request_id  text NOT NULL,
    corrects    text NOT NULL, -- request id of what the entry corrects
    labels      text NOT NULL, -- as it was hashed; '' for none
    event_time  timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (position, event_time)
) PARTITION BY RANGE (event_time);
CREATE INDEX ledger_entries_tenant ON ledger_entries (tenant_id, event_time);

-- What one transaction appended, and the hashes of the tree over it: those that
-- golang.org/x/mod/sumdb/tlog stores for these entries, one after the other.
CREATE TABLE ledger_batches (
    first_entry bigint PRIMARY KEY CHECK (first_entry >= 0),
    first_hash  bigint NOT NULL UNIQUE, -- index of the first of hashes among all
    entries     integer NOT NULL CHECK (entries > 0),
    root        bytea NOT NULL CHECK (octet_length(root) = 32),
    hashes      bytea NOT NULL CHECK (octet_length(hashes) >= 32 * entries),
    posted_at   timestamptz NOT NULL
);
-- Hashes do not compress, and proofs read a few bytes of many.
ALTER TABLE ledger_batches ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Every request that was ever posted. Ids and contents are hashes, with the
-- tenant in them, so that the table tells nobody anything.
CREATE TABLE ledger_keys (
    id          uuid PRIMARY KEY,
    content     uuid NOT NULL,
    first_entry bigint NOT NULL -- of the batch
);

-- Requests that were acknowledged and then not posted, and why.
CREATE TABLE ledger_refusals (
    id         uuid NOT NULL,
    content    uuid NOT NULL,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    request_id text NOT NULL,
    reason     text NOT NULL CHECK (reason IN ('conflict', 'unknown', 'elsewhere')),
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, content)
);

-- What a function is counted from, by its first usage: one of the two, or it
-- would be billed twice.
CREATE TABLE ledger_sources (
    tenant_id uuid NOT NULL REFERENCES tenants,
    namespace text NOT NULL,
    service   text NOT NULL,
    source    text NOT NULL CHECK (source IN ('metrics', 'events')),
    PRIMARY KEY (tenant_id, namespace, service)
);

-- Up to where the hours of windows are in the book; one row.
CREATE TABLE ledger_windows (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    until    timestamptz NOT NULL
);

-- Signed heads; they also stand in a file outside of the database.
CREATE TABLE ledger_heads (
    size      bigint NOT NULL,
    signed_at timestamptz NOT NULL,
    note      text NOT NULL,
    PRIMARY KEY (size, signed_at)
);

-- What resources cost the owner and how they are charged; every change is a
-- new version of the whole.
CREATE TABLE cost_catalogues (
    version    bigint PRIMARY KEY CHECK (version >= 1),
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    items      jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL
);

-- The application has no right to change any of this. The triggers stop whoever
-- has it by mistake; against intent there are the signed heads.
-- +goose StatementBegin
CREATE FUNCTION ledger_refuse() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'Post a correction.';
END $$;
-- +goose StatementEnd
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER append_only_all BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_batches
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_keys
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_heads
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_refusals
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cost_catalogues
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

-- ledger_partition makes the partition of the month that begins on the day,
-- unless it is there, and returns its name. The application may append to it
-- directly, which COPY needs, but reads by the parent alone: row-level security
-- stands there.
-- +goose StatementBegin
CREATE FUNCTION ledger_partition(month date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    part text := 'ledger_entries_' || to_char(month, 'YYYYMM');
BEGIN
    IF month <> date_trunc('month', month)::date THEN
        RAISE EXCEPTION '% is no first day of a month', month;
    END IF;
    IF to_regclass(part) IS NOT NULL THEN
        RETURN part;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ledger_partition'));
    IF to_regclass(part) IS NOT NULL THEN
        RETURN part;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF ledger_entries FOR VALUES FROM (%L) TO (%L)',
        part, month::timestamp AT TIME ZONE 'UTC',
        (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    EXECUTE format(
        'CREATE TRIGGER append_only_all BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()', part);
    EXECUTE format('GRANT INSERT ON %I TO invoq_app', part);
    RETURN part;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION ledger_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_partition TO invoq_app;

ALTER TABLE ledger_users ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_refusals ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ledger_users USING (in_scope(tenant_id));
CREATE POLICY tenant ON ledger_entries FOR SELECT USING (in_scope(tenant_id));
CREATE POLICY tenant ON ledger_sources USING (in_scope(tenant_id));
CREATE POLICY tenant ON ledger_refusals USING (in_scope(tenant_id));

GRANT SELECT, INSERT, UPDATE ON ledger_windows TO invoq_app;
GRANT SELECT, INSERT ON ledger_users, ledger_sources, ledger_refusals TO invoq_app;
GRANT SELECT ON ledger_entries TO invoq_app;
GRANT SELECT, INSERT ON ledger_batches, ledger_keys, ledger_heads, cost_catalogues TO invoq_app;

-- +goose Down
DROP TABLE cost_catalogues, ledger_windows, ledger_sources, ledger_heads, ledger_refusals, ledger_keys, ledger_batches, ledger_entries,
    ledger_users;
DROP FUNCTION ledger_partition;
DROP FUNCTION ledger_refuse;
