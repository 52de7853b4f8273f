// Package metering turns raw samples into stored windows of usage: it decides
// which windows have to be counted, has package tsdb/exact count them, and
// hands them to the database.
//
// Windows of services that are counted from events are not made here: the
// writer of the book adds to them.
//
// It owns the order of things, not the counting: what changed since the last
// run, what a restart has forgotten, and which windows are closed.
//
//	samples arrive ─▶ open window ─(Lateness)─▶ closed window
//	                  counted again by every     never counted again
//	                  run that saw a change
//
// Every run is idempotent: it counts from the samples and replaces what it
// stored before, so a crash between two steps loses and doubles nothing.
package metering
