package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"invoq/internal/benchingest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := benchingest.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench-ingest: %v\n", err)
		os.Exit(1)
	}
}
