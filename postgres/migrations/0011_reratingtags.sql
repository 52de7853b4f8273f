-- +goose Up

-- The tags of the bill's services as they were when the re-rating was shown: it
-- is done by these, whatever the services are called later.
ALTER TABLE bill_reratings ADD COLUMN tags jsonb NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE bill_reratings DROP COLUMN tags;
