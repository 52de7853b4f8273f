// Package invoq holds the vocabulary of the house: tenants, services,
// revisions, meters, windows, usage, plans, bills, exact decimals and errors.
//
// It validates and computes, and does no input or output: it imports the
// standard library and the decimal library only, so every other package may
// import it and it imports none of them.
//
// Units are part of names (duration_ms, memory bytes), times are UTC,
// intervals are half-open [start, end), and money and quantities are exact
// decimals. Floats stop at the door of the exact windows (package tsdb).
package invoq
