package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"invoq"
)

// topBills is how many bills the table shows.
const topBills = 12

// plan is the price list of the demo. The prices are examples.
var plan = map[string]any{
	"name": "demo", "currency": "USD",
	"price_per_invocation":  "0.00002",
	"price_per_mb_ms":       "0.00000000002",
	"price_per_cold_start":  "0.0005",
	"free_tier_invocations": "1000",
}

// bill is what the server answers to a calculation.
type bill struct {
	Tenant string
	Lines  []invoq.BillLine `json:"line_items"`
	Total  invoq.Decimal    `json:"total_amount"`
}

// quantity returns how much of a meter the bill is about, over all its months.
func (b bill) quantity(m invoq.Meter) invoq.Decimal {
	var sum invoq.Decimal
	for _, l := range b.Lines {
		if l.Meter == m {
			sum = sum.Add(l.Quantity)
		}
	}
	return sum
}

// Run replays the trace, has it counted and billed, tells what the users of a
// simulated platform did, and prints what came of both.
func Run(ctx context.Context, cfg Config) error {
	if err := runTrace(ctx, cfg); err != nil || cfg.Users == 0 {
		return err
	}
	return runPlatform(ctx, cfg)
}

// runTrace replays the trace, and prints its bills and how exact they are.
func runTrace(ctx context.Context, cfg Config) error {
	started := time.Now()
	p, err := replay(ctx, cfg)
	if err != nil {
		return err
	}
	sent := time.Since(started)
	fmt.Fprintf(cfg.Out, "sent %d samples of %d pods in %s (%.0f samples/s, each synced before it was acknowledged)\n",
		p.samples, p.pods+simulatedPods, sent.Round(time.Millisecond*100), float64(p.samples)/sent.Seconds())
	// Before usage is in the book, whose entries are priced as they are posted.
	if err := cfg.Client.post(ctx, "/api/v1/pricing/plans", plan, nil); err != nil {
		return err
	}
	var counted struct{ Windows int }
	if err := cfg.Client.post(ctx, "/api/v1/metrics/aggregate", nil, &counted); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Out, "counted %d five-minute windows\n\n", counted.Windows)
	bills, err := p.bill(ctx, cfg)
	if err != nil {
		return err
	}
	printBills(cfg, p, bills)
	return p.printExactness(ctx, cfg, bills)
}

// bill computes the bill of every tenant for the months that the replay touches.
func (p *played) bill(ctx context.Context, cfg Config) ([]bill, error) {
	names := map[string]bool{simulated: true}
	for _, f := range p.functions {
		names[f.Tenant()] = true
	}
	period := map[string]any{
		"period_start": time.Date(p.from.Year(), p.from.Month(), 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
		"period_end":   time.Date(p.to.Year(), p.to.Month()+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
	}
	var all []bill
	for name := range names {
		b := bill{Tenant: name}
		period["tenant_id"] = name
		if err := cfg.Client.post(ctx, "/api/v1/billing/calculate", period, &b); err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b bill) int {
		return cmp.Or(b.Total.Cmp(a.Total), cmp.Compare(a.Tenant, b.Tenant))
	})
	return all, nil
}

// printBills prints the largest bills, the sum of the others, and what of them is
// recorded and what composed.
func printBills(cfg Config, p *played, bills []bill) {
	w := tabwriter.NewWriter(cfg.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(cfg.Out, "Bills of %s to %s, example prices\n",
		p.from.Format("2006-01-02 15:04"), p.to.Format("2006-01-02 15:04 MST"))
	fmt.Fprintln(w, "tenant\tinvocations\tGB·s\tcold starts\tUSD\t")
	var rest, total invoq.Decimal
	var fleet bill
	shown, others := 0, 0
	for _, b := range bills {
		total = total.Add(b.Total)
		switch {
		case b.Tenant == simulated:
			fleet = b
		case shown == topBills:
			rest = rest.Add(b.Total)
			others++
		default:
			shown++
			printBill(w, b)
		}
	}
	fmt.Fprintf(w, "%d others\t\t\t\t%s\t\n", others, rest.Fixed(2))
	printBill(w, fleet)
	fmt.Fprintf(w, "all\t\t\t\t%s\t\n", total.Fixed(2))
	_ = w.Flush() // A terminal that is gone shows nothing, and needs nothing.
	if p.from.Month() == p.to.Month() {
		fmt.Fprintln(cfg.Out, "The sum is the month to date of the owner's page.")
	} else {
		fmt.Fprintln(cfg.Out, "The sum is of several months: the owner's page has the last one.")
	}
	fmt.Fprintln(cfg.Out, "Invocations, durations and memory: recorded (Azure Functions trace 2019, CC BY 4.0)."+
		" Pods: composed.")
	if cfg.Days > 1 {
		fmt.Fprintf(cfg.Out, "Time: composed; the 8 recorded hours are played %d times.\n", cfg.Days)
	}
}

// printBill prints a bill in a line.
func printBill(w io.Writer, b bill) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", b.Tenant, b.quantity(invoq.Invocations),
		gigabyteSeconds(b.quantity(invoq.MBMs)), b.quantity(invoq.ColdStarts), b.Total.Fixed(2))
}

// gigabyteSeconds shows MB·ms in the unit that people know, 1,024 MB × 1 s.
func gigabyteSeconds(mbMs invoq.Decimal) string {
	return mbMs.Quo(invoq.NewDecimal(1024*1000, 0), 1).Fixed(1)
}

// printExactness compares what was counted with what is true, and with what
// increase() makes of the same samples. A difference to the truth is an error.
func (p *played) printExactness(ctx context.Context, cfg Config, bills []bill) error {
	var trace, fleet invoq.Decimal
	for _, b := range bills {
		if b.Tenant == simulated {
			fleet = b.quantity(invoq.Invocations)
			continue
		}
		trace = trace.Add(b.quantity(invoq.Invocations))
	}
	var served, unseen int64
	for service, n := range p.fleet.Served() {
		served += n
		unseen += p.fleet.Unseen()[service]
	}
	var wrong []string
	fmt.Fprintln(cfg.Out, "\nExactness: invocations that a scrape saw, and what is counted of them")
	w := tabwriter.NewWriter(cfg.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tpods\ttruth\tInvoq\tdifference\tincrease()\tdifference\t")
	for _, row := range []struct {
		name, tenants string
		pods          int
		truth         int64
		counted       invoq.Decimal
	}{
		{"the trace", "account-.+", p.pods, p.invocations, trace},
		{"simulated: restarts, missed scrapes", simulated, simulatedPods, served - unseen, fleet},
	} {
		increase, err := cfg.Client.increase(ctx, row.tenants, p.from, p.to)
		if err != nil {
			return err
		}
		off := row.counted.Sub(invoq.NewDecimal(row.truth, 0))
		if !off.IsZero() {
			wrong = append(wrong, row.name)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%.0f\t%+.1f %%\t\n", row.name, row.pods, row.truth, row.counted, off,
			increase, 100*(increase-float64(row.truth))/float64(row.truth))
	}
	_ = w.Flush() // As above.
	if len(wrong) > 0 {
		return fmt.Errorf("BUG: what was counted of %q is not the truth", wrong)
	}
	fmt.Fprintf(cfg.Out, "%d of the simulated invocations came after their pod's last scrape: no sample holds them, "+
		"and the windows say how long was unseen.\n", unseen)
	return nil
}
