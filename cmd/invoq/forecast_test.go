package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
)

// many gives so many short requests, numbered.
func many(n int) requests {
	return func(yield func(*request, error) bool) {
		for i := range n {
			q := &request{ID: json.RawMessage(fmt.Sprint(i)), Horizon: 3, values: make([]float64, 1+i%40)}
			for k := range q.values {
				q.values[k] = float64(k * i % 7)
			}
			if !yield(q, nil) {
				return
			}
		}
	}
}

// However many work, answers come in the order of the requests.
func TestLookAheadKeepsOrder(t *testing.T) {
	next := 0
	err := lookAhead(t.Context(), 4, many(300), func(l looked) error {
		if got := string(l.prediction.ID); got != fmt.Sprint(next) {
			t.Errorf("answer %d is of request %s", next, got)
		}
		next++
		return nil
	})
	if err != nil || next != 300 {
		t.Errorf("%d answers, error %v", next, err)
	}
}

// A failure ends the work, whether it is the reader's, the caller's, or a stop
// while the input keeps quiet.
func TestLookAheadStops(t *testing.T) {
	full := errors.New("disk full")
	err := lookAhead(t.Context(), 2, many(1000), func(looked) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	broken := func(yield func(*request, error) bool) { yield(nil, io.ErrUnexpectedEOF) }
	err = lookAhead(t.Context(), 2, broken, func(looked) error { return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
	quiet, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	defer write.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := &forecastCmd{}
	err = lookAhead(ctx, 2, c.jsonRequests(quiet), func(looked) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
