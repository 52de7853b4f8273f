// Package pgtest gives tests a real Postgres.
//
// The first test of a process that asks starts a private server in a temporary
// folder; the others share it. With INVOQ_TEST_DATABASE_URL set, the server is
// that one instead. Without either, tests skip and say why, or fail when
// INVOQ_TEST_REQUIRE is set, as it is where a database is promised.
//
// Each test has a database of its own, cloned from a template and dropped when
// the test ends. A database rather than a schema: it holds extensions, event
// triggers, schemas and default privileges of its own, so migrations run as
// they do in earnest, with no search path in the way, and a clone of a migrated
// template costs no more than an empty one. Roles belong to the server in
// either case: migrations that make them must bear that they exist. The user is
// a superuser, whom no row-level security binds before it sets a role.
//
// The shared server trades durability for speed, and lives in memory where there
// is room (TMPDIR, if set, overrules). A test that kills or restarts the server
// takes one of its own from Private, which is durable and on disk.
//
// Nothing is left behind, even by kill -9: a shell that waits for the end of
// the test process ends the server and removes the folder.
package pgtest
