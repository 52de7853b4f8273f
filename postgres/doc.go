// Package postgres keeps what must not be lost: tenants, services, windows of
// usage, plans, bills and keys. It owns all SQL and the migrations; every
// exported method opens its own transaction, in the scope it is given.
//
// Isolation is enforced twice: by the WHERE of each statement, and by row-level
// security, which catches a WHERE that was forgotten; it is no guard against SQL
// that a caller could inject, since the scope is a setting. The scope is set for
// one transaction only, so a pooled connection carries nothing over.
//
// What was issued or recorded never changes, and it is the database that sees to
// it: triggers refuse to change the content of an issued bill, a credit note, a
// re-rating, a version of a plan or an assignment, even for the tables' owner;
// the application's role has no right to delete any. A refusal has the SQLSTATE
// IV001 and becomes KindConflict with the database's own words.
//
// Numbers of bills and credit notes come from a row a series (bill_series),
// which the transaction that uses the number updates: one that fails leaves no
// gap. Whoever makes bills final takes that row before anything else, so that
// they never run into each other.
//
// A bill's id says whose it is, of which period and after how many void ones, so
// that storing it again, after a crash or elsewhere, gives it the same.
//
// Errors are *invoq.Error where the caller can do something about them.
// Package private runs a server when no database is given.
package postgres
