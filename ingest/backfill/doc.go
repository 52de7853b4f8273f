// Package backfill reads old samples from text: OpenMetrics and CSV.
//
// It owns the two forms, their limits, and saying which line is wrong. What may
// be stored is decided where samples are stored, as for every other sender. The
// samples it hands over own their memory; times are milliseconds since 1970 in
// UTC.
//
//	bytes ─▶ lines ─▶ samples ─▶ batches ─▶ ingest.Receiver
//
// Errors are of KindInvalid and begin with the line, counted from 1.
package backfill
