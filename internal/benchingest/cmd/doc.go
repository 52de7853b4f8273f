// Command cmd is what `make bench-ingest` runs: benchingest with the command
// line's arguments.
package main
