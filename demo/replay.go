package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"

	"invoq"
	"invoq/ingest/ingesttest"
	"invoq/internal/fleetsim"
)

// Config says what to replay. Zero fields other than Users are
// invalid.
type Config struct {
	Client Client
	// Days is how often the recorded hours are played: 1 is what was
	// recorded, more is composed of it.
	Days int
	// Users are how many users the simulated platform has; 0: it is left out.
	Users int
	// Now is when the replay ends, in the time of its samples.
	Now time.Time
	// Out receives the tables, Progress how far each part is: as bars, or as a
	// line at its end.
	Out, Progress io.Writer
	// Bars says that Progress is a terminal.
	Bars bool
}

// senders is how many connections send at a time.
const senders = 4

// simulated is the tenant of the simulated fleet.
const simulated = "simulated-fleet"

// simulatedPods and simulatedLength say how large that fleet is.
const (
	simulatedPods   = 2000
	simulatedLength = 3 * time.Hour
)

// played is what a replay has sent, and what is true of it.
type played struct {
	from, to  time.Time
	functions []Function
	pods      int
	samples   int
	// invocations is how many the trace holds, all of which some scrape saw.
	invocations int64
	fleet       *fleetsim.Fleet
}

// replay sends the trace, then the simulated fleet.
func replay(ctx context.Context, cfg Config) (*played, error) {
	functions, err := Trace()
	if err != nil {
		return nil, err
	}
	p := &played{functions: functions, to: invoq.Window5m.Floor(cfg.Now)}
	p.from = p.to.Add(-time.Duration(cfg.Days) * TraceLength)
	for _, f := range functions {
		p.invocations += int64(f.Invocations() * cfg.Days)
	}
	if err := p.replayTrace(ctx, cfg); err != nil {
		return nil, fmt.Errorf("replay the trace: %w", err)
	}
	if err := p.replayFleet(ctx, cfg); err != nil {
		return nil, fmt.Errorf("replay the simulated fleet: %w", err)
	}
	return p, nil
}

// settleTicks is how many scrapes before the end the last invocations lie, so
// that all pods have gone by then.
const settleTicks = idleScrapes + 2

// replayTrace sends the trace in order of time, as a few senders would that
// have shared out the functions among them.
func (p *played) replayTrace(ctx context.Context, cfg Config) error {
	ticks := int(p.to.Sub(p.from) / scrape)
	bar := newBar(cfg, ticks*senders, "replaying the trace")
	shares := make([][]*fleet, senders)
	for i, f := range p.functions {
		shares[i%senders] = append(shares[i%senders], newFleet(f, uint64(i)))
		for tick := ticks - settleTicks; tick < ticks; tick++ {
			p.invocations -= int64(f.atTick(tick))
		}
	}
	sent := make([]int, senders)
	group, ctx := errgroup.WithContext(ctx)
	for i, fleets := range shares {
		group.Go(func() (err error) {
			sent[i], err = p.send(ctx, cfg, fleets, ticks, bar)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, fleets := range shares {
		p.samples += sent[i]
		for _, l := range fleets {
			p.pods += l.born
		}
	}
	return bar.Finish()
}

// send plays some fleets scrape by scrape and sends what they show whenever a
// request is full. It returns how many samples it sent.
func (p *played) send(
	ctx context.Context, cfg Config, fleets []*fleet, ticks int, bar *progressbar.ProgressBar,
) (sent int, err error) {
	var waiting []ingesttest.Series
	for tick := range ticks {
		at := p.from.Add(time.Duration(tick+1) * scrape)
		for _, l := range fleets {
			n := 0
			if tick < ticks-settleTicks {
				n = l.f.atTick(tick)
			}
			waiting = append(waiting, l.tick(at, n)...)
		}
		if len(waiting) >= samplesPerRequest || tick == ticks-1 {
			n, err := cfg.Client.push(ctx, "", waiting)
			sent += n
			if err != nil {
				return sent, err
			}
			waiting = waiting[:0]
		}
		if err := bar.Add(1); err != nil {
			return sent, fmt.Errorf("show progress: %w", err)
		}
	}
	return sent, nil
}

// replayFleet sends the simulated fleet. Its samples lie among those of the
// trace, so it goes in as late data would.
func (p *played) replayFleet(ctx context.Context, cfg Config) error {
	p.fleet = fleetsim.New(fleetsim.Config{
		Seed: 1, Pods: simulatedPods, Services: 10,
		Start: p.from, Length: simulatedLength, Scrape: scrape,
	})
	bar := newBar(cfg, int(simulatedLength/scrape), "replaying the simulated fleet")
	err := p.fleet.Run(func(_ time.Time, series []ingesttest.Series) error {
		sent, err := cfg.Client.push(ctx, simulated, series)
		p.samples += sent
		if err != nil {
			return err
		}
		return bar.Add(1)
	})
	if err != nil {
		return err
	}
	return bar.Finish()
}

// newBar returns a progress bar that ends with a line of its own. Where nobody
// watches, that line is all there is.
func newBar(cfg Config, total int, what string) *progressbar.ProgressBar {
	bars, end := cfg.Progress, ""
	if !cfg.Bars {
		bars, end = io.Discard, what+": done"
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(bars),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(cfg.Progress, end) }),
	)
}
