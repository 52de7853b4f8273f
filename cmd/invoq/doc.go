// Command invoq is the one binary: it serves, and every other job of the house
// is a subcommand in a file of its own. This package wires the rooms together;
// it is the only one that knows flags and the environment.
package main
