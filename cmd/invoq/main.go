package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"invoq"
)

// cli is the command line: one field a subcommand.
type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Demo     demoCmd     `cmd:"" help:"Replay a recorded trace and a simulated platform into a server of its own; print bills and margins."`
	Forecast forecastCmd `cmd:"" help:"Look ahead from a file of series, with intervals."`
	Backfill backfillCmd `cmd:"" help:"Store samples of the past from files."`
	Snapshot snapshotCmd `cmd:"" help:"Copy the samples of a running server."`
	Health   healthCmd   `cmd:"" help:"Ask a running server whether it works."`
	Keygen   keygenCmd   `cmd:"" help:"Print a new API key."`
	Plan     planCmd     `cmd:"" help:"Test plans before a bill does, and list presets."`
	Bill     billCmd     `cmd:"" help:"Make, explain and check the bills of a running server."`
	Pages    pagesCmd    `cmd:"" help:"Show all pages from fixed data."`
	Prove    proveCmd    `cmd:"" help:"Write the proof that an event is in the ledger."`
	Verify   verifyCmd   `cmd:"" help:"Recompute the ledger from its entries and say whether anything was changed."`
	Version  versionCmd  `cmd:"" help:"Print the version and what it was built with."`
}

const description = `Meters, prices and attributes what serverless functions consume.

Every flag can also be given by the environment variable beside it, or in a YAML file named with --config.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// run parses and executes one command line and returns the exit code; --help
// ends the process.
func run(ctx context.Context, args []string, std stdio) int {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("invoq"),
		kong.Description(description),
		kong.Writers(std.out, std.err),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic("BUG: command line: " + err.Error())
	}
	k, err := parser.Parse(args)
	if err == nil {
		err = k.Run()
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(std.err, "invoq: %v\n", err)
	if _, ok := errors.AsType[*kong.ParseError](err); ok {
		fmt.Fprintln(std.err, "invoq: see invoq --help")
		return exitUsage
	}
	return exitCode(err)
}

// Exit codes beside 0.
const (
	exitFailure = 1
	exitUsage   = 2
)

// codedError is an error of a command whose exit codes mean more than its kind
// says.
type codedError struct {
	error
	code int
}

// Unwrap returns the error.
func (e codedError) Unwrap() error { return e.error }

// exitCode is the one table from kinds of error to exit codes: 2 for what the
// caller got wrong, 1 for the rest.
func exitCode(err error) int {
	if coded, ok := errors.AsType[codedError](err); ok {
		return coded.code
	}
	switch invoq.KindOf(err) {
	case invoq.KindInvalid, invoq.KindUnprocessable, invoq.KindNotFound, invoq.KindConflict:
		return exitUsage
	}
	return exitFailure
}
