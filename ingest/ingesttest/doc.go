// Package ingesttest makes remote-write requests for tests, benchmarks and the
// demo. Its encoder shares nothing with the decoder it is used against.
package ingesttest
