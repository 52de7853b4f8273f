// Package tsdb keeps samples: it opens the embedded Prometheus TSDB and its
// PromQL engine, and makes them what billing needs.
//
// It owns:
//   - Writer: appends batches, remembers series by their raw label bytes, and
//     lets no two appenders race on a series that is spelled the same way.
//   - group commit: an acknowledged sample is in the WAL (and, when it came out
//     of order, in the WBL) and both are synced to disk.
//   - tenant isolation: a scoped Queryable adds the tenant's matcher to every
//     read, below the parser, so that no expression can escape it.
//   - limits of queries, and of active series per tenant.
//
// It does not own decoding (package ingest), counting (package tsdb/exact), or
// money. What it promises:
//
//	kill -9      no acknowledged sample is lost
//	power loss   none with Config.SyncInterval 0, at most that interval else
//	full disk    nothing is acknowledged that was not stored
//
// Timestamps are milliseconds since 1970 in UTC.
package tsdb
