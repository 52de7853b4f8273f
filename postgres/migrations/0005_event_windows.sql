-- +goose Up

-- What five minutes and an hour were counted from. A day may be the sum of
-- hours of both, and then this says nothing of it.
ALTER TABLE usage_aggregate
    ADD COLUMN source text NOT NULL DEFAULT 'metrics' CHECK (source IN ('metrics', 'events'));
-- A correction may take away more than its own window has.
ALTER TABLE usage_aggregate
    DROP CONSTRAINT usage_aggregate_invocations_check,
    DROP CONSTRAINT usage_aggregate_duration_ms_check,
    DROP CONSTRAINT usage_aggregate_mb_ms_check,
    DROP CONSTRAINT usage_aggregate_cpu_ms_check,
    DROP CONSTRAINT usage_aggregate_cold_starts_check,
    DROP CONSTRAINT usage_aggregate_errors_check;

-- Who brings days up to date holds this row: the writer of the book adds to
-- them, and the aggregation sums them anew.
CREATE TABLE usage_days (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one)
);
INSERT INTO usage_days DEFAULT VALUES;

-- What functions were counted from by the owner's word, from an hour on, over
-- what their first usage settled. Of the changes in force the last made holds.
-- The number is the one after the last that could be seen, without a gap: who
-- knows the last number knows all changes.
CREATE TABLE ledger_source_changes (
    change     bigint PRIMARY KEY CHECK (change >= 1),
    tenant_id  uuid NOT NULL REFERENCES tenants,
    namespace  text NOT NULL,
    service    text NOT NULL,
    source     text NOT NULL CHECK (source IN ('metrics', 'events')),
    from_hour  timestamptz NOT NULL CHECK (extract(epoch FROM from_hour)::bigint % 3600 = 0),
    reason     text NOT NULL CHECK (reason <> ''),
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX ledger_source_changes_service ON ledger_source_changes (tenant_id, namespace, service, change);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_source_changes
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

-- source_at returns what a function is counted from at a time; NULL when
-- nothing has settled it.
CREATE FUNCTION source_at(tenant uuid, in_namespace text, named text, at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(
        (SELECT c.source
         FROM ledger_source_changes c
         WHERE c.tenant_id = tenant AND c.namespace = in_namespace AND c.service = named
             AND c.from_hour <= at
         ORDER BY c.change DESC
         LIMIT 1),
        (SELECT s.source
         FROM ledger_sources s
         WHERE s.tenant_id = tenant AND s.namespace = in_namespace AND s.service = named))
$$;

-- Windows of functions that are counted from events were made from metrics so
-- far, and never posted; those of all others settle their source.
DELETE FROM usage_aggregate u
USING revisions r, services v, ledger_sources s
WHERE r.id = u.revision_id AND v.id = r.service_id AND s.source = 'events'
    AND s.tenant_id = v.tenant_id AND s.namespace = v.namespace AND s.service = v.name;
INSERT INTO ledger_sources (tenant_id, namespace, service, source)
SELECT DISTINCT v.tenant_id, v.namespace, v.name, 'metrics'
FROM usage_aggregate u
JOIN revisions r ON r.id = u.revision_id
JOIN services v ON v.id = r.service_id
ON CONFLICT DO NOTHING;

-- What events told before this step makes windows too, save for percentiles.
CREATE TEMPORARY TABLE told ON COMMIT DROP AS
SELECT tenant_id, namespace, service, coalesce(nullif(revision, ''), 'default') AS revision,
    event_time, corrects <> '' AS correction,
    coalesce(sum(quantity) FILTER (WHERE meter = 'invocations'), 0) AS invocations,
    coalesce(sum(quantity) FILTER (WHERE meter = 'duration_ms'), 0) AS duration_ms,
    coalesce(sum(quantity) FILTER (WHERE meter = 'mb_ms'), 0) AS mb_ms,
    coalesce(sum(quantity) FILTER (WHERE meter = 'cpu_ms'), 0) AS cpu_ms,
    coalesce(sum(quantity) FILTER (WHERE meter = 'cold_starts'), 0) AS cold_starts,
    coalesce(sum(quantity) FILTER (WHERE meter = 'errors'), 0) AS errors
FROM ledger_entries
WHERE meter IN ('invocations', 'duration_ms', 'mb_ms', 'cpu_ms', 'cold_starts', 'errors')
    AND NOT starts_with(request_id, 'window:')
GROUP BY request_id, tenant_id, namespace, service, revision, event_time, corrects;
INSERT INTO services (id, tenant_id, namespace, name)
SELECT gen_random_uuid(), tenant_id, namespace, service
FROM (SELECT DISTINCT tenant_id, namespace, service FROM told) AS named
ON CONFLICT (tenant_id, namespace, name) DO NOTHING;
INSERT INTO revisions (id, tenant_id, service_id, name)
SELECT gen_random_uuid(), v.tenant_id, v.id, named.revision
FROM (SELECT DISTINCT tenant_id, namespace, service, revision FROM told) AS named
JOIN services v ON v.tenant_id = named.tenant_id AND v.namespace = named.namespace AND v.name = named.service
ON CONFLICT (service_id, name) DO NOTHING;
INSERT INTO usage_aggregate (
    tenant_id, revision_id, window_seconds, window_start, source, invocations, duration_ms, mb_ms,
    cpu_ms, cold_starts, errors, latency_upper_ms, latency_counts, max_memory_mb, gap_seconds, assumed,
    unmeasured_ms)
SELECT e.tenant_id, r.id, size.seconds,
    date_bin(make_interval(secs => size.seconds), e.event_time, 'epoch') AS started, 'events',
    sum(e.invocations), sum(e.duration_ms), sum(e.mb_ms), sum(e.cpu_ms), sum(e.cold_starts),
    sum(e.errors), '{}', '{}',
    coalesce(max(round(e.mb_ms / nullif(e.duration_ms, 0), 6))
        FILTER (WHERE NOT e.correction AND e.mb_ms > 0 AND e.duration_ms > 0), 0),
    0, 0, coalesce(sum(e.duration_ms) FILTER (WHERE e.mb_ms = 0), 0)
FROM told e
JOIN services v ON v.tenant_id = e.tenant_id AND v.namespace = e.namespace AND v.name = e.service
JOIN revisions r ON r.service_id = v.id AND r.name = e.revision
CROSS JOIN (VALUES (300), (3600), (86400)) AS size (seconds)
GROUP BY e.tenant_id, r.id, size.seconds, started;

ALTER TABLE ledger_source_changes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ledger_source_changes USING (in_scope(tenant_id));

GRANT SELECT, UPDATE ON usage_days TO invoq_app;
GRANT SELECT, INSERT ON ledger_source_changes TO invoq_app;

-- +goose Down
DELETE FROM usage_aggregate WHERE source = 'events';
ALTER TABLE usage_aggregate
    DROP COLUMN source,
    ADD CONSTRAINT usage_aggregate_invocations_check CHECK (invocations >= 0),
    ADD CONSTRAINT usage_aggregate_duration_ms_check CHECK (duration_ms >= 0),
    ADD CONSTRAINT usage_aggregate_mb_ms_check CHECK (mb_ms >= 0),
    ADD CONSTRAINT usage_aggregate_cpu_ms_check CHECK (cpu_ms >= 0),
    ADD CONSTRAINT usage_aggregate_cold_starts_check CHECK (cold_starts >= 0),
    ADD CONSTRAINT usage_aggregate_errors_check CHECK (errors >= 0);
DROP FUNCTION source_at;
DROP TABLE ledger_source_changes, usage_days;
