-- +goose Up

-- The application works as this role: it owns nothing, so row-level security
-- and the grants below hold for it, whoever it connected as.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'invoq_app') THEN
        CREATE ROLE invoq_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL; -- Another server was faster.
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $$
BEGIN
    EXECUTE format('GRANT invoq_app TO %I', current_user);
END $$;
-- +goose StatementEnd
GRANT USAGE ON SCHEMA public TO invoq_app;

-- in_scope reports whether the current transaction may touch a tenant's rows.
-- Nothing set means nothing in scope.
-- +goose StatementBegin
CREATE FUNCTION in_scope(tenant uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT current_setting('invoq.scope', true) = '*'
        OR tenant::text = current_setting('invoq.scope', true)
$$;
-- +goose StatementEnd

CREATE TABLE tenants (
    id            uuid PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 128),
    billing_email text NOT NULL DEFAULT '',
    currency      text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    timezone      text NOT NULL CHECK (timezone <> ''),
    plan_id       uuid,
    -- When the tenant's first sample came; NULL before.
    watched_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE services (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    namespace       text NOT NULL DEFAULT '' CHECK (octet_length(namespace) <= 2048),
    name            text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 2048),
    runtime         text NOT NULL DEFAULT '',
    memory_limit_mb numeric NOT NULL DEFAULT 0 CHECK (memory_limit_mb >= 0),
    cpu_limit_cores numeric NOT NULL DEFAULT 0 CHECK (cpu_limit_cores >= 0),
    tags            jsonb NOT NULL DEFAULT '{}',
    -- Which series count the service: profile/prefix; empty before the first.
    source          text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, namespace, name)
);

CREATE TABLE revisions (
    id             uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL REFERENCES tenants,
    service_id     uuid NOT NULL REFERENCES services,
    name           text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 2048),
    image          text NOT NULL DEFAULT '',
    config_env     jsonb NOT NULL DEFAULT '{}',
    scaling_config jsonb NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (service_id, name)
);

-- What one revision used in one window. Windows of 300 s are counted; those of
-- 3600 s and 86400 s are their sums.
CREATE TABLE usage_aggregate (
    tenant_id        uuid NOT NULL REFERENCES tenants,
    revision_id      uuid NOT NULL REFERENCES revisions,
    window_seconds   integer NOT NULL CHECK (window_seconds IN (300, 3600, 86400)),
    window_start     timestamptz NOT NULL,
    invocations      numeric NOT NULL CHECK (invocations >= 0),
    duration_ms      numeric NOT NULL CHECK (duration_ms >= 0),
    mb_ms            numeric NOT NULL CHECK (mb_ms >= 0),
    cpu_ms           numeric NOT NULL CHECK (cpu_ms >= 0),
    cold_starts      numeric NOT NULL CHECK (cold_starts >= 0),
    errors           numeric NOT NULL CHECK (errors >= 0),
    latency_upper_ms double precision[] NOT NULL,
    latency_counts   bigint[] NOT NULL,
    max_memory_mb    numeric NOT NULL,
    gap_seconds      numeric NOT NULL,
    assumed          numeric NOT NULL,
    unmeasured_ms    numeric NOT NULL,
    PRIMARY KEY (tenant_id, window_seconds, window_start, revision_id)
);

-- How far usage has been aggregated; one row.
CREATE TABLE aggregation (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    until    timestamptz NOT NULL
);

CREATE TABLE pricing_plans (
    id         uuid NOT NULL,
    version    integer NOT NULL CHECK (version >= 1),
    name       text NOT NULL,
    tenant_id  uuid REFERENCES tenants, -- NULL: shared by all tenants
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    rates      jsonb NOT NULL,
    active     boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    PRIMARY KEY (id, version)
);

CREATE TABLE bills (
    id           uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL REFERENCES tenants,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL CHECK (period_end > period_start),
    timezone     text NOT NULL,
    currency     text NOT NULL,
    plan_id      uuid NOT NULL,
    plan_version integer NOT NULL,
    status       text NOT NULL CHECK (status IN ('draft', 'final', 'paid', 'void')),
    total_amount numeric NOT NULL,
    line_items   jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (plan_id, plan_version) REFERENCES pricing_plans (id, version)
);
-- One living bill for a tenant and period; void ones stay for the record.
CREATE UNIQUE INDEX bills_period ON bills (tenant_id, period_start, period_end) WHERE status <> 'void';

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    tenant_id    uuid REFERENCES tenants, -- NULL: the owner's
    name         text NOT NULL,
    role         text NOT NULL CHECK (role IN ('owner', 'tenant', 'ingest', 'viewer')),
    prefix       text NOT NULL UNIQUE,
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    CHECK ((role = 'owner') = (tenant_id IS NULL) OR role = 'ingest')
);

-- The secret that API keys are hashed with; one row, written at the first start.
CREATE TABLE secrets (
    name  text PRIMARY KEY,
    value bytea NOT NULL
);

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE services ENABLE ROW LEVEL SECURITY;
ALTER TABLE revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_aggregate ENABLE ROW LEVEL SECURITY;
ALTER TABLE pricing_plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE bills ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON tenants USING (in_scope(id));
CREATE POLICY tenant ON services USING (in_scope(tenant_id));
CREATE POLICY tenant ON revisions USING (in_scope(tenant_id));
CREATE POLICY tenant ON usage_aggregate USING (in_scope(tenant_id));
CREATE POLICY tenant ON bills USING (in_scope(tenant_id));
CREATE POLICY tenant ON api_keys USING (in_scope(tenant_id));
-- Shared plans are everybody's to read and the owner's to write.
CREATE POLICY tenant ON pricing_plans FOR SELECT USING (tenant_id IS NULL OR in_scope(tenant_id));
CREATE POLICY tenant_write ON pricing_plans FOR INSERT WITH CHECK (in_scope(tenant_id));

GRANT SELECT, INSERT, UPDATE ON tenants, services, revisions TO invoq_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_aggregate TO invoq_app;
GRANT SELECT, INSERT, UPDATE ON aggregation TO invoq_app;
-- Versions of plans are never edited.
GRANT SELECT, INSERT ON pricing_plans TO invoq_app;
GRANT SELECT, INSERT, UPDATE ON bills TO invoq_app;
GRANT SELECT, INSERT, UPDATE ON api_keys TO invoq_app;
GRANT SELECT, INSERT ON secrets TO invoq_app;

-- +goose Down
DROP TABLE secrets, api_keys, bills, pricing_plans, aggregation, usage_aggregate, revisions, services, tenants;
DROP FUNCTION in_scope;
REVOKE ALL ON SCHEMA public FROM invoq_app;
