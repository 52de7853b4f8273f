package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"invoq"
)

// cli is the command line: one field a subcommand.
type cli struct {
	Version versionCmd `cmd:"" help:"Print the version and what it was built with."`
}

type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

func main() {
	os.Exit(run(os.Args[1:]))
}

// run parses and executes one command line and returns the exit code.
func run(args []string) int {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("invoq"),
		kong.Description("Meters, prices, attributes and forecasts what serverless functions consume."),
		kong.UsageOnError(),
	)
	if err != nil {
		panic("BUG: command line: " + err.Error())
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		parser.FatalIfErrorf(err)
	}
	if err := ctx.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "invoq: %v\n", err)
		return exitCode(err)
	}
	return 0
}

// exitCode is the one table from kinds of error to exit codes.
func exitCode(err error) int {
	switch invoq.KindOf(err) {
	case invoq.KindInvalid, invoq.KindUnprocessable, invoq.KindNotFound:
		return 2
	}
	return 1
}

// Run prints the version.
func (v *versionCmd) Run() error {
	info, _ := debug.ReadBuildInfo()
	if v.JSON {
		fmt.Printf("{\"version\":%q,\"go\":%q}\n", info.Main.Version, info.GoVersion)
		return nil
	}
	fmt.Printf("invoq %s %s\n", info.Main.Version, info.GoVersion)
	return nil
}
