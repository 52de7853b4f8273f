-- +goose Up

-- How often windows changed that everybody takes for closed: whoever keeps sums
-- of closed days reads them anew.
ALTER TABLE aggregation ADD COLUMN recounts bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE aggregation DROP COLUMN recounts;
