// Package ingest takes what senders push and turns it into batches of samples.
//
// It owns: decoding (remote write), limits before allocation, validation of
// labels, and the verdict a sender gets. It takes bytes and returns a result,
// and knows no web framework. It does not own storage: whoever keeps samples
// implements Store.
//
//	bytes ─▶ size limit ─▶ snappy ─▶ decode in place ─▶ Batch ─▶ Store ─▶ Result
//
// Timestamps are milliseconds since 1970 in UTC. A batch points into the
// request's buffer: nothing of it may be kept after Store.Write returns.
package ingest
