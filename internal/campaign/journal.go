package campaign

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Item is one thing that a client sends: its identity, a hash of all that it
// says, and its quantity.
type Item struct {
	ID       string `json:"id"`
	Hash     string `json:"hash"`
	Quantity string `json:"qty"`
}

// line is a line of a journal: a batch that is about to be sent, or what was
// answered to one.
type line struct {
	Batch  int    `json:"batch"`
	Items  []Item `json:"items,omitempty"`
	Status int    `json:"status,omitempty"` // 0: there was no answer
}

// Journal is a client's own record of what it sent and what it was told, in a
// file that is synced before anything is sent. It is safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	file    *os.File
	batches int
}

// NewJournal makes the file, which must not be there.
func NewJournal(path string) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the client's journal: %w", err)
	}
	return &Journal{file: f}, nil
}

// Sending records a batch that is about to be sent and returns its number. When
// it returns the record is on disk.
func (j *Journal) Sending(items []Item) (batch int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.batches++
	return j.batches, j.write(line{Batch: j.batches, Items: items})
}

// Answered records the status that a batch was answered with, 0 for none. When
// it returns the record is on disk.
func (j *Journal) Answered(batch, status int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write(line{Batch: batch, Status: status})
}

func (j *Journal) write(l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write the client's journal: %w", err)
	}
	if _, err := j.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write the client's journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync the client's journal: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// Record is what a journal says.
type Record struct {
	// Sent are the items that were ever sent, by id; Acknowledged are those that
	// were in a batch whose answer said so.
	Sent         map[string]Item
	Acknowledged map[string]bool
}

// Read reads a journal. A status means that the whole batch was acknowledged
// when ok says so. An item that was sent twice saying different things is an
// error: the client is wrong then.
func Read(path string, ok func(status int) bool) (Record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Record{}, fmt.Errorf("read the client's journal: %w", err)
	}
	r := Record{Sent: map[string]Item{}, Acknowledged: map[string]bool{}}
	batches := map[int][]Item{}
	dec := json.NewDecoder(bufio.NewReader(bytes.NewReader(b)))
	for {
		var l line
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return r, fmt.Errorf("read the client's journal: %w", err)
		}
		if l.Items != nil {
			batches[l.Batch] = l.Items
		}
		if err := r.take(l, batches[l.Batch], ok(l.Status)); err != nil {
			return r, err
		}
	}
}

// take adds a line about a batch of items to the record.
func (r *Record) take(l line, items []Item, acknowledged bool) error {
	for _, item := range items {
		if before, again := r.Sent[item.ID]; again && before != item {
			return fmt.Errorf("batch %d says other things of %q than were sent before", l.Batch, item.ID)
		}
		r.Sent[item.ID] = item
		if l.Items == nil && acknowledged {
			r.Acknowledged[item.ID] = true
		}
	}
	return nil
}
