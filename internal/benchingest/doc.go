// Package benchingest loads Invoq, Prometheus and VictoriaMetrics in turn with
// the same remote-write requests, and prints how they compare:
//
//	for each load, round, server: new folder ─▶ start ─▶ load ─▶ measure ─▶ stop
//
// It owns the loads, the processes it starts, and the table. Servers are real
// and run as they do by default: Invoq validates, stamps tenants, limits and
// syncs before each acknowledgement. Requests are encoded before the clock
// runs. CPU time is the server process's own, read from /proc, so that it runs
// on Linux alone; it counts what was put off for a few seconds after the last
// answer, too. Invoq's private Postgres is another process, and is told apart.
//
// On a shared machine only ratios mean something: they are taken within each
// round, whose servers ran one after another, and their median is printed.
package benchingest
