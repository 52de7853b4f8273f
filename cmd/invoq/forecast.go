package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/schollz/progressbar/v3"

	"invoq"
)

// forecastCmd looks ahead from files: nothing here needs a server.
type forecastCmd struct {
	File    string `arg:"" help:"Series to look ahead from, gzip or not; - reads the standard input."`
	CSV     bool   `name:"csv" help:"FILE is CSV with a header: columns id and value, or one column a series."`
	Horizon int    `help:"Steps ahead, where the input does not say." placeholder:"N"`
	Period  int    `help:"Main cycle in steps, where the input does not say." placeholder:"N"`
	Periods []int  `help:"Further cycles in steps, where the input does not say." placeholder:"N"`
	Chart   string `help:"Write a page with the charts of the first series to this file." placeholder:"FILE.html"`
	Jobs    int    `help:"How many series at once; as many as there are processors without it." placeholder:"N"`
}

// Help shows the formats and how the command is used.
func (c *forecastCmd) Help() string {
	return `Reads one JSON object a line and writes one a line, in the same order:

  in   {"id":"a","period":24,"periods":[24,168],"horizon":48,"history":[3,null,5]}
  out  {"id":"a","mean":[],"lo80":[],"hi80":[],"lo95":[],"hi95":[],"model":"","warnings":[],"sec":0}

The period is the main cycle in steps (24 for hours of a day, 0 or none when there is none), null is a missing value,
sec the CPU seconds of that fit and forecast.

  invoq forecast series.jsonl.gz > forecasts.jsonl
  invoq forecast --csv --period 24 --horizon 48 --chart chart.html hours.csv
  zcat series.jsonl.gz | head -3 | invoq forecast -`
}

// Limits of the command.
const (
	// maxForecastLine is the longest line of input, in bytes.
	maxForecastLine = 64 << 20
	// maxCharted is how many series a page shows: more would not be read.
	maxCharted = 50
)

// Run forecasts every series of the file.
func (c *forecastCmd) Run(ctx context.Context, std stdio) (err error) {
	in, size, err := openInput(c.File, std.in)
	if err != nil {
		return err
	}
	defer in.Close()
	bar := inputBar(std.err, "forecast", size)
	source, err := c.source(progressReader{in, bar})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(std.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	var charted []looked
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false) // an id leaves as it came
	err = lookAhead(ctx, c.workers(), source, func(l looked) error {
		if c.Chart != "" && len(charted) < maxCharted {
			charted = append(charted, l)
		}
		return enc.Encode(l.prediction)
	})
	if bar != nil {
		err = errors.Join(err, bar.Finish())
	}
	if err != nil || c.Chart == "" {
		return err
	}
	return writeChart(c.Chart, charted)
}

func (c *forecastCmd) workers() int {
	if c.Jobs > 0 {
		return c.Jobs
	}
	return runtime.GOMAXPROCS(0)
}

// source reads the requests of the input in its format.
func (c *forecastCmd) source(r io.Reader) (requests, error) {
	plain, err := gunzip(r)
	if err != nil {
		return nil, err
	}
	if c.CSV {
		return c.csvRequests(plain)
	}
	return c.jsonRequests(plain), nil
}

// complete fills in what the flags say and the input does not.
func (c *forecastCmd) complete(q *request) error {
	if q.Horizon == 0 {
		q.Horizon = c.Horizon
	}
	if q.Period == 0 {
		q.Period = c.Period
	}
	if len(q.Periods) == 0 {
		q.Periods = c.Periods
	}
	if q.Horizon == 0 {
		return invoq.Errorf(invoq.KindUnprocessable,
			"no horizon: give it in the input or by --horizon")
	}
	return nil
}

// inputBar shows how much of an input was read, on a terminal only.
func inputBar(w io.Writer, what string, size int64) *progressbar.ProgressBar {
	if terminal(w) == nil {
		return nil
	}
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(w) }),
	)
}
