-- +goose Up

-- What was expected of a period, and what came of it once the period is over.
CREATE TABLE predictions (
    id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id             uuid NOT NULL REFERENCES tenants,
    service_id            uuid REFERENCES services, -- NULL: all of the tenant's
    horizon_seconds       integer NOT NULL CHECK (horizon_seconds IN (3600, 86400, 604800, 2592000)),
    made_at               timestamptz NOT NULL, -- the slot for which it was made
    period_start          timestamptz NOT NULL,
    period_end            timestamptz NOT NULL,
    model_version         text NOT NULL,
    predicted_invocations double precision NOT NULL CHECK (predicted_invocations >= 0),
    invocations_lo80      double precision NOT NULL,
    invocations_hi80      double precision NOT NULL,
    invocations_lo95      double precision NOT NULL,
    invocations_hi95      double precision NOT NULL,
    -- How far totals of such periods lay apart from one to the next in the history:
    -- the unit of the scaled error. NULL: the history was too short, or never moved.
    invocations_scale     double precision CHECK (invocations_scale > 0),
    currency              text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    predicted_cost        numeric NOT NULL,
    cost_lo80             numeric NOT NULL,
    cost_hi80             numeric NOT NULL,
    cost_lo95             numeric NOT NULL,
    cost_hi95             numeric NOT NULL,
    -- The record when it was made; NULL: there was none yet.
    confidence            double precision CHECK (confidence BETWEEN 0 AND 1),
    actual_invocations    double precision,
    actual_cost           numeric,
    measured_at           timestamptz,
    created_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (tenant_id, service_id, horizon_seconds, made_at),
    CHECK (period_end = period_start + make_interval(secs => horizon_seconds)),
    CHECK (invocations_lo95 <= invocations_lo80 AND invocations_lo80 <= invocations_hi80
        AND invocations_hi80 <= invocations_hi95),
    CHECK (cost_lo95 <= cost_lo80 AND cost_lo80 <= cost_hi80 AND cost_hi80 <= cost_hi95),
    CHECK ((measured_at IS NULL) = (actual_cost IS NULL)),
    CHECK ((measured_at IS NULL) = (actual_invocations IS NULL))
);
CREATE INDEX predictions_due ON predictions (period_end) WHERE measured_at IS NULL;

ALTER TABLE predictions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON predictions USING (in_scope(tenant_id));
GRANT SELECT, INSERT, UPDATE ON predictions TO invoq_app;

-- +goose Down
DROP TABLE predictions;
