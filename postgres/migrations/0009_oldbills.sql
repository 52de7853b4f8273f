-- +goose Up

-- Bills that were made of windows, before bills were made of the book: what they
-- come to is found out from windows for ever. They have no head; what else has
-- none was made of an empty book, of which the same is true.
ALTER TABLE bills ADD COLUMN of_windows boolean NOT NULL DEFAULT false;
ALTER TABLE bills DISABLE TRIGGER bill_life;
UPDATE bills SET of_windows = true WHERE head_size = 0;
ALTER TABLE bills ENABLE TRIGGER bill_life;

-- How far usage was in the book of which a run makes bills; NULL: nobody knows,
-- and no bill of the run becomes final.
ALTER TABLE bill_runs
    ADD COLUMN posted   timestamptz,
    ADD COLUMN compared timestamptz;
-- A run that was begun before goes on with the book as it is.
UPDATE bill_runs
SET head_size = coalesce((SELECT max(first_entry + entries) FROM ledger_batches), 0)
WHERE head_size = 0 AND finished_at IS NULL;

-- +goose Down
ALTER TABLE bill_runs DROP COLUMN posted, DROP COLUMN compared;
ALTER TABLE bills DROP COLUMN of_windows;
