// Package postgres keeps what must not be lost: tenants, services, windows of
// usage, plans, bills and keys. It owns all SQL and the migrations; every
// exported method opens its own transaction, in the scope it is given.
//
// Isolation is enforced twice: by the WHERE of each statement, and by row-level
// security, which the application's role cannot escape. The scope is set for
// one transaction only, so a pooled connection carries nothing over.
//
// Errors are *invoq.Error where the caller can do something about them.
// Package private runs a server when no database is given.
package postgres
