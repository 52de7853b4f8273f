// Package tidy reads the repository and says where it breaks the rules of the
// house: what may import what, how long things may be, what must be explained.
//
// A rule is a function from a snapshot of the files to problems; the table in
// rule.go lists all of them with their reasons. The package's test runs them
// over the real files, and over a bad example each (testdata/RULE.txtar), so
// that no rule can pass by looking at nothing.
//
// It reads files and parses Go, but does no type checking and runs no commands:
// the whole repository takes about a second. What golangci-lint does well is
// left to golangci-lint.
//
// Rules hold for what is there: a room that does not exist yet has its line in
// the tables already, so that its first file is measured by the same plan.
package tidy
