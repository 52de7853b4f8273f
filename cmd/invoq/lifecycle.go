package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// lifecycle closes what was opened, in reverse order.
type lifecycle struct {
	log   *slog.Logger
	steps []closing
}

type closing struct {
	name  string
	close func(context.Context) error
}

// add notes how to close what has just been opened.
func (l *lifecycle) add(name string, close func(context.Context) error) {
	l.steps = append(l.steps, closing{name, close})
}

// shutdown closes everything, the last opened first, and logs how long each
// took. A step that fails does not keep the others open.
func (l *lifecycle) shutdown(ctx context.Context) error {
	var errs []error
	for _, step := range slices.Backward(l.steps) {
		started := time.Now()
		err := step.close(ctx)
		l.log.Debug("closed", "part", step.name, "dur", time.Since(started), "err", err)
		if err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", step.name, err))
		}
	}
	l.steps = nil
	return errors.Join(errs...)
}
