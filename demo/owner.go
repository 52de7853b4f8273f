package demo

import (
	"context"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"invoq"
)

// How the platform's usage is told: as many events in a request as are quick to
// answer, over a few connections.
const (
	eventsPerRequest = 4000
	eventSenders     = 2
	// postingPatience is how long the ledger may take for the last of them.
	postingPatience = 2 * time.Minute
	pollEvery       = 400 * time.Millisecond
)

// How many users the table shows at its ends.
const (
	topLosers  = 8
	topEarners = 4
)

// platform is the simulated platform as it was played.
type platform struct {
	users  int
	events []usageEvent
	// month is the last full month, middle its 15th, now the end of what was told.
	month       invoq.Interval
	middle, now time.Time
}

// margin is a row of margins as the server answers it.
type margin struct {
	Key, Name, Tenant, Status string
	Entries, Unpriced         int64
	Real                      invoq.Decimal `json:"real_cost"`
	Billed                    invoq.Decimal `json:"billed_cost"`
	Margin                    invoq.Decimal
}

// margins are the sums of a period.
type margins struct{ Totals, Rows []margin }

// runPlatform tells what the users of the simulated platform did, last month and
// this one, and prints the owner's table of last month.
func runPlatform(ctx context.Context, cfg Config) error {
	now := cfg.Now.UTC()
	end := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	p := &platform{
		users: cfg.Users, month: invoq.Interval{Start: end.AddDate(0, -1, 0), End: end},
		middle: end.AddDate(0, -1, 14), now: now,
	}
	p.events = platformUsage(platformUsers(cfg.Users), p.month.Start, now)
	started := time.Now()
	err := cfg.Client.post(ctx, "/api/v1/costs",
		map[string]string{"currency": "USD", "csv": catalogueCSV(p.middle)}, nil)
	if err != nil {
		return err
	}
	if err := p.tell(ctx, cfg); err != nil {
		return fmt.Errorf("tell usage: %w", err)
	}
	if err := p.settle(ctx, cfg); err != nil {
		return fmt.Errorf("wait for the ledger: %w", err)
	}
	took := time.Since(started)
	fmt.Fprintf(cfg.Out, "\ntold %d events of %d users in %s (%.0f events/s, until the last was in the ledger)\n",
		len(p.events), cfg.Users, took.Round(100*time.Millisecond), float64(len(p.events))/took.Seconds())
	return p.print(ctx, cfg)
}

// tell sends the events.
func (p *platform) tell(ctx context.Context, cfg Config) error {
	bar := newBar(cfg, len(p.events), "telling a platform's usage")
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(eventSenders)
	for from := 0; from < len(p.events); from += eventsPerRequest {
		some := p.events[from:min(from+eventsPerRequest, len(p.events))]
		group.Go(func() error {
			var answer struct{ Accepted int }
			if err := cfg.Client.post(ctx, "/api/v1/usage", some, &answer); err != nil {
				return err
			}
			if answer.Accepted != len(some) {
				return fmt.Errorf("%d of %d events were accepted", answer.Accepted, len(some))
			}
			return bar.Add(len(some))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return bar.Finish()
}

// settle waits until every event is in the ledger: they are acknowledged when
// they are on disk in the queue before it.
func (p *platform) settle(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, postingPatience)
	defer cancel()
	bar := newBar(cfg, len(p.events), "posting it to the ledger")
	all := invoq.Interval{Start: p.month.Start, End: p.now.Add(time.Hour)}
	for {
		m, err := p.ask(ctx, cfg, "month", all)
		if err != nil {
			return err
		}
		posted := 0
		for _, total := range m.Totals {
			posted += int(total.Entries)
		}
		if err := bar.Set(min(posted, len(p.events))); err != nil {
			return fmt.Errorf("show progress: %w", err)
		}
		if posted >= len(p.events) {
			return bar.Finish()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d events were posted: %w", posted, len(p.events), ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// ask returns the sums of a period.
func (p *platform) ask(ctx context.Context, cfg Config, by string, in invoq.Interval) (m margins, err error) {
	err = cfg.Client.get(ctx, "/api/v1/margins", url.Values{
		"by": {by}, "limit": {"1000"},
		"start": {in.Start.Format(time.RFC3339)}, "end": {in.End.Format(time.RFC3339)},
	}, &m)
	return m, err
}

// print prints the owner's table and holds its sums against what was told.
func (p *platform) print(ctx context.Context, cfg Config) error {
	users, err := p.ask(ctx, cfg, "user", p.month)
	if err != nil {
		return err
	}
	resources, err := p.ask(ctx, cfg, "resource", p.month)
	if err != nil {
		return err
	}
	name := p.month.Start.Format("January 2006")
	fmt.Fprintf(cfg.Out, "\nMargins of a simulated AI platform, %s (seed %d; its users do not exist)\n",
		name, platformSeed)
	printUsers(cfg, users)
	fmt.Fprintln(cfg.Out, "\nThe same by resource")
	printResources(cfg, resources)
	var truth money
	for i := range p.events {
		if e := &p.events[i]; e.Time.Before(p.month.End) {
			truth.add(e.worth(p.middle))
		}
	}
	if err := checkSums(truth, users, resources); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Out, "Every sum is GET /api/v1/margins of the month, and is, to the last digit, what the events "+
		"come to\nby the catalogue: %s real, %s billed. %d of %d entries have no cost or no price: they are in the "+
		"table as\nunpriced and on no bill.\n", truth.real, truth.billed, truth.unpriced, truth.entries)
	return nil
}

// checkSums returns an error unless all totals, and the rows beneath them, are
// the truth.
func checkSums(truth money, all ...margins) error {
	for _, m := range all {
		var totals, rows money
		for _, t := range m.Totals {
			totals.add(money{t.Real, t.Billed, t.Entries, t.Unpriced})
		}
		for _, r := range m.Rows {
			rows.add(money{r.Real, r.Billed, r.Entries, r.Unpriced})
		}
		for _, got := range []money{totals, rows} {
			if !got.real.Equal(truth.real) || !got.billed.Equal(truth.billed) ||
				got.entries != truth.entries || got.unpriced != truth.unpriced {
				return fmt.Errorf("BUG: the margins are %s real and %s billed of %d entries (%d unpriced), "+
					"what was told is %s and %s of %d (%d)", got.real, got.billed, got.entries, got.unpriced,
					truth.real, truth.billed, truth.entries, truth.unpriced)
			}
		}
	}
	return nil
}

// printUsers prints who loses the most, who earns the most, and the sums.
func printUsers(cfg Config, m margins) {
	w := tabwriter.NewWriter(cfg.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "user\ttenant\treal USD\tbilled USD\tmargin USD\tstatus\t")
	var rest money
	others, status := 0, map[string]int{}
	for i, r := range m.Rows {
		status[r.Status]++
		if i >= topLosers && i < len(m.Rows)-topEarners {
			rest.add(money{real: r.Real, billed: r.Billed})
			others++
			if i == topLosers {
				fmt.Fprintln(w, "…\t\t\t\t\t\t")
			}
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", r.Name, r.Tenant, r.Real.Fixed(2), r.Billed.Fixed(2),
			r.Margin.Fixed(2), r.Status)
	}
	fmt.Fprintf(w, "%d others\t\t%s\t%s\t%s\t\t\n", others, rest.real.Fixed(2), rest.billed.Fixed(2),
		rest.billed.Sub(rest.real).Fixed(2))
	for _, t := range m.Totals {
		fmt.Fprintf(w, "all\t\t%s\t%s\t%s\t%s\t\n", t.Real.Fixed(2), t.Billed.Fixed(2), t.Margin.Fixed(2), t.Status)
	}
	_ = w.Flush() // A terminal that is gone shows nothing, and needs nothing.
	fmt.Fprintf(cfg.Out, "%d users: %d bring a profit, %d a loss, %d break even, %d use only what has no price.\n",
		len(m.Rows), status["profit"], status["loss"], status["break-even"], status["unpriced"])
}

// printResources prints the sums by resource.
func printResources(cfg Config, m margins) {
	w := tabwriter.NewWriter(cfg.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "resource\tevents\tunpriced\treal USD\tbilled USD\tmargin USD\tstatus\t")
	for _, r := range m.Rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t\n", r.Name, r.Entries, r.Unpriced, r.Real.Fixed(2),
			r.Billed.Fixed(2), r.Margin.Fixed(2), r.Status)
	}
	_ = w.Flush() // As above.
}
