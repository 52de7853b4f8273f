// Package tsdbtest fills an open TSDB with series written down in one line
// each, for tests of whatever reads them.
package tsdbtest
