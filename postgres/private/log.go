package private

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
)

// lastWords keeps the last lines a process wrote, for the error that tells of
// its end.
type lastWords []string

func (w *lastWords) add(line string) {
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

// alarming reports whether a line is worth a warning. That the server is not
// ready yet is not: we ask it again and again while it starts.
func alarming(line string) bool {
	severity, text, _ := strings.Cut(line, ":")
	switch severity {
	case "WARNING", "ERROR", "FATAL", "PANIC":
		return !strings.HasPrefix(strings.TrimSpace(text), "the database system is ")
	}
	return false
}
