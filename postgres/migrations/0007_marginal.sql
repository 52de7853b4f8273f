-- +goose Up

-- The currency of billed_cost where it is not that of the costs; '': it is.
ALTER TABLE ledger_entries ADD COLUMN billed_currency text NOT NULL DEFAULT '';

-- Issued bills that are not yet held against the entries of their periods: what
-- they ask for beside these is to be posted as an entry of its own.
CREATE TABLE bill_true_ups (
    bill_id   uuid PRIMARY KEY REFERENCES bills,
    tenant_id uuid NOT NULL REFERENCES tenants
);
INSERT INTO bill_true_ups (bill_id, tenant_id)
SELECT id, tenant_id
FROM bills
WHERE status IN ('final', 'paid');

ALTER TABLE bill_true_ups ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON bill_true_ups USING (in_scope(tenant_id));
GRANT SELECT, INSERT, DELETE ON bill_true_ups TO invoq_app;

-- Whoever makes a bill final leaves the rest to do in the same transaction.
-- +goose StatementBegin
CREATE FUNCTION bill_issued() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bill_true_ups (bill_id, tenant_id)
    VALUES (NEW.id, NEW.tenant_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER issued AFTER UPDATE OF status ON bills
    FOR EACH ROW WHEN (OLD.status = 'draft' AND NEW.status = 'final')
    EXECUTE FUNCTION bill_issued();

-- +goose Down
DROP TRIGGER issued ON bills;
DROP FUNCTION bill_issued;
DROP TABLE bill_true_ups;
ALTER TABLE ledger_entries DROP COLUMN billed_currency;
