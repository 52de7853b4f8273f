package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/ingest/events"
	"invoq/ledger"
	"invoq/queue"
)

// maxQueueMB bounds the budget of the queue: 16 TiB.
const maxQueueMB = 16 << 20

// openLedger opens the book and begins to sign it. It refuses a database that
// does not continue what was signed.
func (h *house) openLedger(ctx context.Context) error {
	h.costs = billing.NewCosts(h.db, time.Now)
	book, err := ledger.Open(ctx, ledger.Config{
		Store: h.db, Rater: billing.NewRater(h.db, h.costs, time.Now),
		Folder: ledger.Folder(filepath.Join(h.dir, ledgerDir)),
		Name:   h.cfg.BookName, Log: h.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	h.writer = ledger.NewWriter(book, h.log, h.set)
	h.background("ledger", h.writer.Run)
	return nil
}

// openQueue opens the queue of events, begins to post what waits in it, and
// prepares the way in.
func (h *house) openQueue(ctx context.Context) (err error) {
	if h.cfg.QueueMB < 1 || h.cfg.QueueMB > maxQueueMB {
		return invoq.Errorf(invoq.KindUnprocessable, "queue-mb %d is not between 1 and %d",
			h.cfg.QueueMB, maxQueueMB)
	}
	switch h.cfg.QueueReplicas {
	case 1:
	case 3, 5:
		if h.cfg.QueueURL == "" {
			return invoq.Errorf(invoq.KindUnprocessable,
				"queue-replicas %d are of a cluster: give its address with --queue-url", h.cfg.QueueReplicas)
		}
	default:
		return invoq.Errorf(invoq.KindUnprocessable, "queue-replicas %d is not 1, 3 or 5", h.cfg.QueueReplicas)
	}
	dir := filepath.Join(h.dir, queueDir)
	room, err := h.disk(dir)
	if err != nil {
		return err
	}
	h.queue, err = queue.Open(ctx, queue.Config{
		Dir: dir, URL: h.cfg.QueueURL, MaxBytes: h.cfg.QueueMB << 20, Disk: room,
		Replicas: h.cfg.QueueReplicas, Log: h.log.With("part", "queue"), Metrics: h.set,
	})
	if err != nil {
		return err
	}
	h.life.add("queue", func(context.Context) error { return h.queue.Close() })
	h.queue.Measure(h.set, time.Now)
	h.background("posting", func(ctx context.Context) error {
		return h.queue.Drain(ctx, h.post)
	})
	h.events = events.New(h.queue, ledger.NewMemory(h.db), h.log, time.Now, h.set)
	return nil
}

// post posts events, while the disk of a private database has room: they wait in
// the queue otherwise, and the database does not run into a full disk.
func (h *house) post(ctx context.Context, events []invoq.Event) error {
	if h.databaseDisk != nil {
		if err := h.databaseDisk.Room(); err != nil {
			return err
		}
	}
	return h.writer.Post(ctx, events)
}

// background runs a part until shutdown, which waits for it within its time.
func (h *house) background(name string, run func(context.Context) error) {
	running, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(running) }()
	h.life.add(name, func(ctx context.Context) error {
		stop()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return errors.New("it did not end in time")
		}
	})
}
