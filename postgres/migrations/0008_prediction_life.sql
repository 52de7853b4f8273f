-- +goose Up

-- Predictions are a record of limited length: the job that makes them removes
-- those that are older.
GRANT DELETE ON predictions TO invoq_app;
CREATE INDEX predictions_made ON predictions (made_at);

-- +goose Down
DROP INDEX predictions_made;
REVOKE DELETE ON predictions FROM invoq_app;
