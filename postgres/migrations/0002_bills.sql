-- +goose Up

-- A version of a plan prices the days from effective_from on, in each tenant's
-- own zone, until a version that takes effect later; NULL: since ever.
ALTER TABLE pricing_plans
    ADD COLUMN minimum_per_month numeric NOT NULL DEFAULT 0 CHECK (minimum_per_month >= 0),
    ADD COLUMN effective_from date,
    ADD COLUMN reason text NOT NULL DEFAULT '';

-- Which plan prices a tenant from a day on. Of two rows of one day the later
-- counts; tenants.plan_id holds before the first day.
CREATE TABLE plan_assignments (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id      uuid NOT NULL REFERENCES tenants,
    effective_from date NOT NULL,
    plan_id        uuid, -- NULL: the plan is found by the rules
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text NOT NULL,
    reason         text NOT NULL
);
CREATE INDEX plan_assignments_tenant ON plan_assignments (tenant_id, effective_from, id);

-- The last number given out in each series. Numbers are taken in the
-- transaction that uses them, so none is lost.
CREATE TABLE bill_series (
    name   text PRIMARY KEY,
    prefix text NOT NULL,
    last   bigint NOT NULL DEFAULT 0 CHECK (last >= 0)
);
INSERT INTO bill_series (name, prefix) VALUES ('bill', 'INV-'), ('credit note', 'CN-');

ALTER TABLE bills
    ADD COLUMN number       text UNIQUE, -- NULL before the bill is final
    ADD COLUMN parts        jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN warnings     jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN sha256       text NOT NULL DEFAULT '',
    -- The bills that lines of this one correct.
    ADD COLUMN corrects     uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN finalized_at timestamptz,
    ADD COLUMN paid_at      timestamptz,
    ADD COLUMN payment      text NOT NULL DEFAULT '',
    ADD COLUMN voided_at    timestamptz,
    ADD COLUMN void_reason  text NOT NULL DEFAULT '',
    ADD CHECK (status NOT IN ('final', 'paid') OR number IS NOT NULL),
    ADD CHECK (status <> 'draft' OR number IS NULL),
    ADD CHECK ((number IS NULL) = (finalized_at IS NULL)),
    ADD CHECK ((status = 'paid') = (paid_at IS NOT NULL)),
    ADD CHECK ((status = 'void') = (voided_at IS NOT NULL));
CREATE INDEX bills_corrects ON bills (tenant_id) WHERE corrects <> '{}';
CREATE INDEX bills_ended ON bills (tenant_id, period_end);
CREATE INDEX bills_newest ON bills (period_start DESC, id DESC);

CREATE TABLE credit_notes (
    id         uuid PRIMARY KEY,
    number     text NOT NULL UNIQUE,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    bill_id    uuid NOT NULL REFERENCES bills,
    -- The caller's name for the credit: giving it twice gives one credit.
    reference  text NOT NULL,
    amount     numeric NOT NULL CHECK (amount > 0),
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    UNIQUE (bill_id, reference)
);

-- By which versions of plans an issued bill should have been priced. The latest
-- row counts; what it changes is put on a later bill as corrections.
CREATE TABLE bill_reratings (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    bill_id    uuid NOT NULL REFERENCES bills,
    parts      jsonb NOT NULL,
    -- The re-rating that this one takes back.
    reverts    bigint UNIQUE REFERENCES bill_reratings,
    difference numeric NOT NULL,
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL
);
CREATE INDEX bill_reratings_bill ON bill_reratings (bill_id, id);

CREATE TABLE bill_runs (
    id          uuid PRIMARY KEY,
    month       text NOT NULL CHECK (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    finalize    boolean NOT NULL,
    tenants     integer NOT NULL CHECK (tenants >= 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text NOT NULL,
    finished_at timestamptz
);
-- One run of a month at a time: asking again finds it.
CREATE UNIQUE INDEX bill_runs_unfinished ON bill_runs (month) WHERE finished_at IS NULL;

-- What a run has done: a row is written with the bill, in one transaction.
CREATE TABLE bill_run_tenants (
    run_id    uuid NOT NULL REFERENCES bill_runs,
    tenant_id uuid NOT NULL REFERENCES tenants,
    state     text NOT NULL CHECK (state IN ('drafted', 'final', 'kept', 'parked')),
    bill_id   uuid REFERENCES bills,
    problem   text NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, tenant_id)
);

-- A bill begins as a draft. Once it is final nothing of it changes but that it is
-- paid or void, whoever asks.
-- +goose StatementBegin
CREATE FUNCTION bill_life() RETURNS trigger
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
CREATE TRIGGER bill_life BEFORE INSERT OR UPDATE OR DELETE ON bills
    FOR EACH ROW EXECUTE FUNCTION bill_life();

-- What was issued or recorded stays as it is.
-- +goose StatementBegin
CREATE FUNCTION never_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% never changes', TG_TABLE_NAME USING ERRCODE = 'IV001';
END $$;
-- +goose StatementEnd
CREATE TRIGGER never_changes BEFORE TRUNCATE ON bills
    FOR EACH STATEMENT EXECUTE FUNCTION never_changes();
CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_notes
    FOR EACH STATEMENT EXECUTE FUNCTION never_changes();
CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON bill_reratings
    FOR EACH STATEMENT EXECUTE FUNCTION never_changes();
CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON plan_assignments
    FOR EACH STATEMENT EXECUTE FUNCTION never_changes();
CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_plans
    FOR EACH STATEMENT EXECUTE FUNCTION never_changes();

ALTER TABLE plan_assignments ENABLE ROW LEVEL SECURITY;
ALTER TABLE bill_series ENABLE ROW LEVEL SECURITY;
ALTER TABLE credit_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE bill_reratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE bill_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE bill_run_tenants ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON plan_assignments USING (in_scope(tenant_id));
CREATE POLICY tenant ON credit_notes USING (in_scope(tenant_id));
CREATE POLICY tenant ON bill_reratings USING (in_scope(tenant_id));
-- Of no tenant: the owner's alone.
CREATE POLICY everyone ON bill_series USING (in_scope(NULL));
CREATE POLICY everyone ON bill_runs USING (in_scope(NULL));
CREATE POLICY everyone ON bill_run_tenants USING (in_scope(NULL));

GRANT SELECT, INSERT ON plan_assignments, credit_notes, bill_reratings TO invoq_app;
GRANT SELECT, UPDATE ON bill_series TO invoq_app;
GRANT SELECT, INSERT, UPDATE ON bill_runs, bill_run_tenants TO invoq_app;

-- +goose Down
DROP TRIGGER never_changes ON pricing_plans;
DROP TRIGGER never_changes ON bills;
DROP TRIGGER bill_life ON bills;
DROP TABLE bill_run_tenants, bill_runs, bill_reratings, credit_notes, bill_series, plan_assignments;
DROP FUNCTION never_changes, bill_life;
DROP INDEX bills_corrects, bills_ended, bills_newest;
ALTER TABLE bills
    DROP COLUMN number, DROP COLUMN parts, DROP COLUMN warnings, DROP COLUMN sha256, DROP COLUMN corrects,
    DROP COLUMN finalized_at, DROP COLUMN paid_at, DROP COLUMN payment, DROP COLUMN voided_at,
    DROP COLUMN void_reason;
ALTER TABLE pricing_plans
    DROP COLUMN minimum_per_month, DROP COLUMN effective_from, DROP COLUMN reason;
