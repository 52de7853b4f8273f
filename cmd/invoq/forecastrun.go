package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"invoq/forecast"
)

// prediction is one line of output.
type prediction struct {
	ID       json.RawMessage `json:"id"`
	Mean     []float64       `json:"mean"`
	Lo80     []float64       `json:"lo80"`
	Hi80     []float64       `json:"hi80"`
	Lo95     []float64       `json:"lo95"`
	Hi95     []float64       `json:"hi95"`
	Model    string          `json:"model"`
	Warnings []string        `json:"warnings"`
	Sec      float64         `json:"sec"`
}

// looked is a series with its forecast.
type looked struct {
	request    *request
	prediction prediction
	err        error
}

// lookAhead forecasts requests on so many workers and hands the answers on in
// the order of the requests. It holds a few requests per worker at a time. When
// it is stopped it returns at once: a read that waits for input cannot be waited
// for, and ends with the process.
func lookAhead(ctx context.Context, workers int, source requests, give func(looked) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := make(chan func())
	for range workers {
		go func() {
			runtime.LockOSThread() // CPU time is counted by thread.
			defer runtime.UnlockOSThread()
			for do := range work {
				do()
			}
		}()
	}
	// Answers wait in line here, so that the slowest does not reorder them.
	line := make(chan chan looked, 4*workers)
	go func() {
		defer close(work)
		defer close(line)
		enqueue(ctx, source, work, line)
	}()
	for {
		l, more, err := nextInLine(ctx, line)
		if err != nil || !more {
			return err
		}
		if err := give(l); err != nil {
			return err
		}
	}
}

// nextInLine waits for the next answer; more is false after the last.
func nextInLine(ctx context.Context, line <-chan chan looked) (l looked, more bool, err error) {
	var place chan looked
	select {
	case place, more = <-line:
		if !more {
			return looked{}, false, ctx.Err()
		}
	case <-ctx.Done():
		return looked{}, false, ctx.Err()
	}
	select {
	case l = <-place:
		return l, true, l.err
	case <-ctx.Done():
		return looked{}, false, ctx.Err()
	}
}

// enqueue reads the requests and puts each to work, with a place in the line.
func enqueue(ctx context.Context, source requests, work chan<- func(), line chan<- chan looked) {
	for q, err := range source {
		place := make(chan looked, 1)
		select {
		case line <- place:
		case <-ctx.Done():
			return
		}
		if err != nil {
			place <- looked{err: err}
			return
		}
		select {
		case work <- func() { place <- look(q) }:
		case <-ctx.Done():
			return
		}
	}
}

// look forecasts one series and measures what that cost.
func look(q *request) looked {
	before := threadSeconds()
	f, err := forecast.Run(
		forecast.Series{Values: q.values, Period: q.Period, Periods: q.Periods},
		forecast.Options{Horizon: q.Horizon},
	)
	if err != nil {
		return looked{err: fmt.Errorf("series %s: %w", q.ID, err)}
	}
	sec := threadSeconds() - before
	warnings := f.Warnings
	if warnings == nil {
		warnings = []string{}
	}
	return looked{request: q, prediction: prediction{
		ID: q.ID, Mean: f.Mean, Lo80: f.Lo80, Hi80: f.Hi80, Lo95: f.Lo95, Hi95: f.Hi95,
		Model: f.Model, Warnings: warnings, Sec: sec,
	}}
}
