package benchingest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// usageText is what --help says before the flags.
const usageText = `benchingest loads Invoq, and Prometheus and VictoriaMetrics where they are found, with the same
remote-write requests, and prints samples per second of CPU, memory, disk, latency and ratios.

  make bench-ingest                            all loads, three rounds: a quarter of an hour
  make bench-ingest SCALE=0.05 ROUNDS=1        a glance
  make bench-ingest LOADS=b PROMETHEUS=/opt/prometheus/prometheus VICTORIA=
  make bench-ingest ARGS=--help                this text

Settings (in make, the same in capitals; an empty program is left out):
`

// config is what to measure.
type config struct {
	invoq, prometheus, victoria string
	loads                       string
	scale                       float64
	rounds                      int
	settle                      time.Duration
}

// Run reads the command line, measures, and prints tables to out. It fails when
// a server that is there does not start, refuses a sample, or has stored
// another number of them than were sent.
func Run(ctx context.Context, args []string, out, progress io.Writer) error {
	c, err := parse(args, progress)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	programs := c.programs()
	fmt.Fprintln(out, machine())
	for _, p := range programs {
		fmt.Fprintf(out, "%s %s\n", p.name, p.version)
	}
	for _, l := range loads() {
		if !strings.Contains(c.loads, l.name) {
			continue
		}
		if err := c.compare(ctx, l.scale(c.scale), programs, out, progress); err != nil {
			return err
		}
	}
	return nil
}

// parse reads the command line.
func parse(args []string, help io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("benchingest", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.Usage = func() {
		fmt.Fprint(help, usageText)
		flags.PrintDefaults()
	}
	flags.StringVar(&c.invoq, "invoq", "bin/invoq", "the Invoq `program`")
	flags.StringVar(&c.prometheus, "prometheus", "prometheus", "a Prometheus `program`")
	flags.StringVar(&c.victoria, "victoria", "victoria-metrics", "a VictoriaMetrics `program`")
	flags.StringVar(&c.loads, "loads", "abc", "which `loads`: a many series, b long series, c churn")
	flags.Float64Var(&c.scale, "scale", 1, "the loads' `size`, 1 being 100,000 series")
	flags.IntVar(&c.rounds, "rounds", 3, "how many `times` each server is loaded")
	flags.DurationVar(&c.settle, "settle", 3*time.Second,
		"`time` after a load in which work that was put off still counts")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if c.scale <= 0 || c.rounds < 1 || flags.NArg() > 0 {
		return c, errors.New("scale and rounds must be above 0, and there is nothing else to say: see --help")
	}
	return c, nil
}

// programs returns the servers that are there, Invoq first.
func (c config) programs() []program {
	all := []program{invoqProgram(c.invoq)}
	if path, err := exec.LookPath(c.prometheus); err == nil {
		all = append(all, prometheusProgram(path))
	}
	if path, err := exec.LookPath(c.victoria); err == nil {
		all = append(all, victoriaProgram(path))
	}
	return all
}

// freshness is how old requests may be: Invoq refuses samples older than two
// hours.
const freshness = 10 * time.Minute

// compare loads all programs in turn, round after round, and prints a table.
func (c config) compare(
	ctx context.Context, l load, programs []program, out, progress io.Writer,
) error {
	var set *requestSet
	r := runner{settle: c.settle, progress: progress}
	t := table{load: l}
	for round := range c.rounds {
		for _, who := range turns(contendersOf(programs), round) {
			if set == nil || time.Since(set.made) > freshness {
				set = encodeLoad(l, time.Now(), rw1, rw2)
			}
			quiet()
			res, err := r.run(ctx, who.program, who.protocol, set, l.name == "b")
			if err != nil {
				return fmt.Errorf("load %s, %s: %w", l.name, who, err)
			}
			t.add(who.String(), round, res)
		}
	}
	return t.print(out)
}

// turns returns who is loaded after whom in a round: no one is always the first,
// or always follows the same.
func turns(contenders []contender, round int) []contender {
	n := len(contenders)
	order := make([]contender, n)
	for i := range order {
		order[i] = contenders[(i+round)%n]
	}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	return order
}

// quiet waits until the machine has nothing left to do for whoever came before:
// files to write to the disk, and requests that are not needed any more.
func quiet() {
	runtime.GC()
	syscall.Sync()
}

// contender is a program that is loaded by a protocol.
type contender struct {
	program
	protocol
}

// String names both.
func (c contender) String() string { return c.name + " " + c.protocol.String() }

// contendersOf returns every program with every protocol it speaks.
func contendersOf(programs []program) []contender {
	var all []contender
	for _, p := range programs {
		for _, proto := range p.protocols {
			all = append(all, contender{p, proto})
		}
	}
	slices.Reverse(all)
	return all
}
