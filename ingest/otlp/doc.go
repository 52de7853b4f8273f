// Package otlp takes metrics by OTLP/HTTP, in protobuf or JSON, and turns them
// into batches of samples.
//
// It owns: decoding within limits, the translation of names and attributes to
// series, and the answer that OTLP asks for. Storage, tenants and the rules of
// what is refused are those of package ingest.
//
//	bytes ─▶ gunzip ─▶ count ─▶ pdata ─▶ deltas get starts ─▶ series ─▶ Batch
//
// Names are Prometheus's: dots become underscores and units and types become
// suffixes, so kn.serving.invocation.duration in seconds is
// kn_serving_invocation_duration_seconds. Resource attributes that tell whose a
// series is become its labels (Config.Promote); all others are labels of
// target_info, which is joined by job and instance.
//
// # Deltas
//
// A delta counts what happened since the one before it. It is stored as it
// comes, as a counter that began just before it: with a start timestamp of one
// millisecond before its time. So package tsdb/exact counts all of every delta
// once, by the rule it has for restarts. Nothing is added up on the way in, so
// there is no state that a restart could lose or a retry could count twice: a
// delta that is sent again is the same sample again. Two deltas of a series in
// the same millisecond contradict each other, and the second is refused.
package otlp
