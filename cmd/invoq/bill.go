package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/schollz/progressbar/v3"

	"invoq"
	"invoq/billing"
)

// billCmd is about the bills of a running server.
type billCmd struct {
	Run       billRunCmd       `cmd:"" help:"Make the bills of all tenants for a month."`
	Explain   billExplainCmd   `cmd:"" help:"Show where every line of a bill comes from."`
	Recompute billRecomputeCmd `cmd:"" help:"Compute a bill again and compare its bytes."`
}

// pollEvery is how often a run is asked how far it is.
const pollEvery = 500 * time.Millisecond

type billRunCmd struct {
	serverFlags
	Month    string `arg:"" help:"The month, as 2026-03, in each tenant's own zone."`
	Finalize bool   `help:"Make the drafts final and number them."`
	Detach   bool   `help:"Do not wait for the end."`
}

// Help shows how the command is used.
func (c *billRunCmd) Help() string {
	return `The server does the work, and goes on with it when this command ends or the server is started again.
A tenant whose bill cannot be made is parked and named; the others are billed. The exit code is 1 if any was parked.

  invoq bill run 2026-03
  invoq bill run 2026-03 --finalize`
}

// billRun is a run as the API answers it.
type billRun struct {
	ID            string
	Status        string
	Tenants, Done int
	Drafted       int
	Final         int
	Kept          int
	Parked        int
	ParkedTenants []struct{ Tenant, Problem string } `json:"parked_tenants"`
}

// Run starts the run and follows it.
func (c *billRunCmd) Run(ctx context.Context, std stdio) error {
	var run billRun
	err := c.call(ctx, http.MethodPost, "/api/v1/billing/run",
		map[string]any{"month": c.Month, "finalize": c.Finalize}, &run)
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, "run", run.ID)
	if c.Detach {
		return nil
	}
	if run, err = c.follow(ctx, std, run); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: %s, %d final, %d kept, %d parked\n",
		counted(int64(run.Tenants), "tenant", "tenants"), counted(int64(run.Drafted), "draft", "drafts"),
		run.Final, run.Kept, run.Parked)
	for _, p := range run.ParkedTenants {
		fmt.Fprintf(std.out, "parked %s: %s\n", p.Tenant, p.Problem)
	}
	// A script must not take a run that left somebody out for a whole one.
	if run.Parked > 0 {
		return fmt.Errorf("%s parked", counted(int64(run.Parked), "tenant was", "tenants were"))
	}
	return nil
}

// follow shows how far the run is until it has ended.
func (c *billRunCmd) follow(ctx context.Context, std stdio, run billRun) (billRun, error) {
	bars := barsOn(std.err)
	bar := progressbar.NewOptions(run.Tenants, progressbar.OptionSetWriter(bars),
		progressbar.OptionSetDescription("billing "+c.Month), progressbar.OptionShowCount())
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		var now billRun
		err := c.call(ctx, http.MethodGet, "/api/v1/billing/runs/"+url.PathEscape(run.ID), nil, &now)
		if err != nil {
			return now, err
		}
		// A bar that cannot be drawn is no reason to stop.
		_ = bar.Set(now.Done)
		if now.Status == "finished" {
			_ = bar.Finish()
			fmt.Fprintln(bars)
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, fmt.Errorf("the run goes on without being watched: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// counted joins a number with its noun.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

type billExplainCmd struct {
	serverFlags
	Bill    string `arg:"" help:"The bill's id or number."`
	Entries bool   `help:"List the entries of the book behind each line, too, by day."`
}

// Help shows how the command is used.
func (c *billExplainCmd) Help() string {
	return `Each line is traced to the steps of its charge, the version of the plan and what services used.

  invoq bill explain INV-00000042
  invoq bill explain INV-00000042 --entries`
}

// explanation is a bill's trace as the API answers it.
type explanation struct {
	Bill struct {
		Number, Status, Currency, Sha256 string
		ID                               string
		TotalAmount                      invoq.Decimal `json:"total_amount"`
		Catalogue                        int64         `json:"catalogue_version"`
		Warnings                         []string
	}
	Lines []struct {
		Line        invoq.BillLine
		Text        []string
		Plan        string
		PlanVersion int `json:"plan_version"`
		Usage       []struct {
			Start, End                   time.Time
			Namespace, Service, Revision string
			Quantity                     invoq.Decimal
			Entries                      int64
			First                        int64 `json:"first_entry"`
			Last                         int64 `json:"last_entry"`
		}
	}
}

// Run prints the trace.
func (c *billExplainCmd) Run(ctx context.Context, std stdio) error {
	var e explanation
	err := c.call(ctx, http.MethodGet, "/api/v1/billing/bills/"+url.PathEscape(c.Bill)+"/explain", nil, &e)
	if err != nil {
		return err
	}
	name := e.Bill.Number
	if name == "" {
		name = e.Bill.ID
	}
	fmt.Fprintf(std.out, "bill %s, %s: %s %s\nsha256 %s\n",
		name, e.Bill.Status, e.Bill.TotalAmount, e.Bill.Currency, e.Bill.Sha256)
	for _, w := range e.Bill.Warnings {
		fmt.Fprintln(std.out, "warning:", w)
	}
	for _, l := range e.Lines {
		fmt.Fprintln(std.out)
		for _, text := range l.Text {
			fmt.Fprintln(std.out, text)
		}
		switch {
		case !billing.FromCatalogue(l.Line):
			fmt.Fprintf(std.out, "  by plan %s, version %d\n", l.Plan, l.PlanVersion)
		case l.Line.Corrects != "": // The bill names the versions of its own period.
			fmt.Fprintln(std.out, "  by the cost catalogue")
		default:
			fmt.Fprintf(std.out, "  by the cost catalogue, up to version %d\n", e.Bill.Catalogue)
		}
		if l.Line.Corrects != "" {
			fmt.Fprintf(std.out, "  corrects bill %s\n", l.Line.Corrects)
		}
		if !c.Entries {
			continue
		}
		for _, u := range l.Usage {
			fmt.Fprintf(std.out, "  %s to %s  %s/%s %s  %s in %s, %d to %d\n",
				u.Start.Format(time.RFC3339), u.End.Format(time.RFC3339), u.Namespace, u.Service, u.Revision,
				u.Quantity, counted(u.Entries, "entry", "entries"), u.First, u.Last)
		}
	}
	return nil
}

type billRecomputeCmd struct {
	serverFlags
	Bill string `arg:"" help:"The bill's id or number."`
}

// Help says what the exit code means.
func (c *billRecomputeCmd) Help() string {
	return `Computes the bill from what it names: the entries of the book up to its head, and the versions of plans. The
exit code is 0 when the bytes are the same, and 1 when they are not. The corrections that the next bill will have are
listed.

  invoq bill recompute INV-00000042`
}

// Run compares and prints both hashes.
func (c *billRecomputeCmd) Run(ctx context.Context, std stdio) error {
	var r struct {
		Agrees           bool
		Sha256           string
		RecomputedSha256 string `json:"recomputed_sha256"`
		Corrections      []invoq.BillLine
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/billing/bills/"+url.PathEscape(c.Bill)+"/recompute", nil, &r)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "stored      %s\nrecomputed  %s\n", r.Sha256, r.RecomputedSha256)
	if r.Agrees {
		fmt.Fprintln(std.out, "same bytes")
	}
	for _, l := range r.Corrections {
		fmt.Fprintf(std.out, "correction  %s %s %s: quantity %s, amount %s\n",
			l.Month, l.Rate, l.Kind, l.Quantity, l.Amount)
	}
	if !r.Agrees {
		return errors.New("the bill is not what the entries up to its head come to: run invoq verify")
	}
	return nil
}
