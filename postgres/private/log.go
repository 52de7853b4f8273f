package private

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
)

// lastWords keeps the last lines a process wrote, for the error that tells of
// its end, but for its answers to our asking whether it is ready.
type lastWords []string

func (w *lastWords) add(line string) {
	if notReady(line) {
		return
	}
	*w = append(*w, strings.TrimSpace(line))
	if len(*w) > 4 {
		*w = (*w)[1:]
	}
}

// String returns the lines in one.
func (w lastWords) String() string { return strings.Join(w, "; ") }

// journal passes the server's log on to ours.
type journal struct {
	log *slog.Logger
	// quiet is set while we shut the server down: what it complains of then is
	// our doing.
	quiet atomic.Bool
}

func (j *journal) add(line string) {
	level := slog.LevelDebug
	if !j.quiet.Load() && alarming(line) {
		level = slog.LevelWarn
	}
	j.log.Log(context.Background(), level, "postgres says", "line", line)
}

// alarming reports whether a line is worth a warning.
func alarming(line string) bool {
	severity, _, _ := strings.Cut(line, ":")
	switch severity {
	case "WARNING", "ERROR", "FATAL", "PANIC":
		return !notReady(line) && !answer(line)
	}
	return false
}

// notReady reports the line about a client that comes while the server starts,
// recovers or shuts down. While it starts, the client is us, many times over.
func notReady(line string) bool {
	return strings.HasPrefix(line, "FATAL:  the database system is ")
}

// answer reports the line about requests that are in the book already: storing
// their keys is how the writer asks, and it knows what to do.
func answer(line string) bool {
	return line == `ERROR:  duplicate key value violates unique constraint "ledger_keys_pkey"`
}
