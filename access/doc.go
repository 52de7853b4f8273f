// Package access says who may do what: API keys, roles, permissions, sessions.
//
// It owns the form of a key and how it is checked, and the table of roles. It
// does not own storage (package postgres) or HTTP (package api).
//
// A key is shown once. What is kept is its public prefix, to find it by, and an
// HMAC-SHA-256 of it under a secret of the server, so that a copy of the
// database opens nothing. Keys carry 256 random bits, so no slow hash is needed.
package access
