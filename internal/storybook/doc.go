// Package storybook has every page from fixed data: full, empty and broken.
//
// It is how pages are looked at and tested. The usage is made up by rules that
// anybody can follow; what it costs is not: the real biller prices it by real
// plans, from a database in memory. So a page of the storybook adds up, and
// stays as it is until a rule, a price or a page changes.
//
// It owns stories and a handler that serves them as a server would, with the
// same headers. It does not own pages (package dashboards), and no server's
// data ever comes near it.
package storybook
