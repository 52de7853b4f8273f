package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"

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
// the order of the requests. It holds a few requests per worker at a time.
func lookAhead(ctx context.Context, workers int, source requests, give func(looked) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	work := make(chan func())
	defer close(work)
	for range workers {
		running.Go(func() {
			runtime.LockOSThread() // CPU time is counted by thread.
			defer runtime.UnlockOSThread()
			for do := range work {
				do()
			}
		})
	}
	// Answers wait in line here, so that the slowest does not reorder them.
	line := make(chan chan looked, 4*workers)
	running.Go(func() {
		defer close(line)
		enqueue(ctx, source, work, line)
	})
	for next := range line {
		l := <-next
		if l.err != nil {
			return l.err
		}
		if err := give(l); err != nil {
			return err
		}
	}
	return ctx.Err()
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
