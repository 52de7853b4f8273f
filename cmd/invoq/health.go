package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"invoq"
)

type healthCmd struct {
	URL     string        `default:"http://127.0.0.1:8080" env:"INVOQ_URL" help:"Address of the server."`
	Timeout time.Duration `default:"5s" help:"How long to wait for its answer."`
}

// Help shows how the command is used.
func (h *healthCmd) Help() string {
	return `Exits with 0 when the server is ready to take samples, with 1 when it is not.

  invoq health --url http://127.0.0.1:8080`
}

// Run asks the server.
func (h *healthCmd) Run(ctx context.Context, std stdio) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(h.URL, "/")+"/readyz", nil)
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "address %q cannot be read: %v", h.URL, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer res.Body.Close()
	const most = 4096
	body, err := io.ReadAll(io.LimitReader(res.Body, most))
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	fmt.Fprintln(std.out, "ok")
	return nil
}
