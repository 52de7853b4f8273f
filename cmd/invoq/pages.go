package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"invoq"
	"invoq/api"
	"invoq/dashboards"
	"invoq/internal/storybook"
)

// pagesCmd shows pages without a server behind them.
type pagesCmd struct {
	Listen string `default:"127.0.0.1:8081" help:"Address of this machine to listen on."`
	From   string `help:"Folder of templates and assets to read at every request, instead of those built in: dashboards, in the source." placeholder:"DIR"`
}

// Help shows how the command is used.
func (p *pagesCmd) Help() string {
	return `Every page in every state: full, empty and broken. Nothing is read or stored, and nobody in them exists.

  invoq pages                       the pages of this binary
  invoq pages --from dashboards     the pages on disk, as they are changed`
}

// Run serves the pages until the context ends.
func (p *pagesCmd) Run(ctx context.Context, std stdio) error {
	stories, err := storybook.Stories(ctx)
	if err != nil {
		return err
	}
	pages, err := p.pages()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", p.Listen)
	if err != nil {
		return invoq.Errorf(
			invoq.KindUnprocessable,
			"cannot listen on %s: %v; choose another address with --listen",
			p.Listen,
			err,
		)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return errors.Join(
			l.Close(),
			invoq.Errorf(
				invoq.KindUnprocessable,
				"%s is not an address of this machine alone, such as 127.0.0.1:8081",
				p.Listen,
			),
		)
	}
	server := &http.Server{
		Handler: storybook.Handler(
			storybook.Config{Pages: pages, Contract: api.Contract()},
			stories,
		),
		ReadHeaderTimeout: 10 * time.Second,
	}
	fmt.Fprintf(std.out, "http://%s/\n", l.Addr())
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve pages: %w", err)
	}
	return nil
}

// pages returns what gives the pages for each request.
func (p *pagesCmd) pages() (func() (*dashboards.Pages, error), error) {
	if p.From != "" {
		from := os.DirFS(p.From)
		read := func() (*dashboards.Pages, error) { return dashboards.NewFrom(from) }
		if _, err := read(); err != nil {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "no pages in %s: %v", p.From, err)
		}
		return read, nil
	}
	built, err := dashboards.New()
	return func() (*dashboards.Pages, error) { return built, err }, err
}
