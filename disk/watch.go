package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
)

// Defaults of Config.
const (
	defaultFloorBytes   = 512 << 20
	defaultFloorPercent = 5
	defaultBallastBytes = 256 << 20
)

// MinFloorBytes is what the stores may write between two looks at the disk.
const MinFloorBytes = 8 << 20

const (
	// lookEvery is how often Run looks.
	lookEvery = time.Second
	// retryAfter is when senders are asked to come again.
	retryAfter = 10 * time.Second
	// probeBytes is what a probe writes: more than a store needs to begin a file.
	probeBytes = 512 << 10
)

// Config says what is watched. Start from DefaultConfig.
type Config struct {
	// Dir is a folder on the disk; it is created when missing.
	Dir string
	// FloorBytes and FloorPercent are what has to stay free: the larger of the
	// two. The percentage is of the whole disk, 0 to 100. Below MinFloorBytes a
	// store may meet the end of the disk before the watch tells it.
	FloorBytes   int64
	FloorPercent float64
	// BallastBytes is the size of the ballast, at most a 64th of the disk; 0 for
	// none.
	BallastBytes int64
}

// DefaultConfig keeps 512 MiB or 5 % of the disk free, and holds 256 MiB back.
func DefaultConfig(dir string) Config {
	return Config{
		Dir: dir, FloorBytes: defaultFloorBytes, FloorPercent: defaultFloorPercent,
		BallastBytes: defaultBallastBytes,
	}
}

// Validate returns an error of KindUnprocessable that names the field.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return invoq.Errorf(invoq.KindUnprocessable, "a watched disk needs a folder")
	case c.FloorBytes < 0 || c.BallastBytes < 0:
		return invoq.Errorf(invoq.KindUnprocessable, "a negative amount of disk makes no sense")
	case !(c.FloorPercent >= 0 && c.FloorPercent < 100):
		return invoq.Errorf(invoq.KindUnprocessable,
			"%g %% of the disk cannot stay free", c.FloorPercent)
	}
	return nil
}

// Watch watches one disk. It is safe for concurrent use.
type Watch struct {
	cfg Config
	log *slog.Logger
	// low says that Run has logged that there is no room.
	low bool
	// probes numbers probes, which several stores may make at a time.
	probes atomic.Int64
}

// Open begins to watch the folder's disk.
func Open(cfg Config, log *slog.Logger) (*Watch, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	w := &Watch{cfg: cfg, log: log}
	if _, err := measure(cfg.Dir); err != nil {
		return nil, err
	}
	return w, nil
}

// space is the state of a disk, in bytes.
type space struct {
	free, total int64
	readOnly    bool
	device      uint64
}

// floor returns how much of the disk has to stay free.
func (w *Watch) floor(s space) int64 {
	return max(w.cfg.FloorBytes, int64(float64(s.total)*w.cfg.FloorPercent/100))
}

// Room returns why nothing should be written, or nil. It asks the system each
// time, which takes about a microsecond.
func (w *Watch) Room() error {
	s, err := measure(w.cfg.Dir)
	if err != nil {
		return unwritable(err)
	}
	return s.room(w.floor(s))
}

// RoomToStart is Room, but contents itself with Config.FloorBytes: what is
// stored can be read and counted on a disk that takes nothing new. Its error is
// for whoever starts the server: it names the folder and what to do.
func (w *Watch) RoomToStart() error {
	s, err := measure(w.cfg.Dir)
	if err != nil {
		return invoq.Errorf(invoq.KindUnavailable, "the disk of %s cannot be used", w.cfg.Dir).WithCause(err)
	}
	floor := min(w.cfg.FloorBytes, w.floor(s))
	switch {
	case s.readOnly:
		return invoq.Errorf(invoq.KindUnavailable, "the disk of %s is read-only", w.cfg.Dir)
	case s.free < floor:
		return invoq.Errorf(invoq.KindStorageFull, "%s are free on the disk of %s, %s have to be: %s",
			megabytes(s.free), w.cfg.Dir, megabytes(floor), w.remedy())
	}
	return nil
}

// remedy says what makes room to start.
func (w *Watch) remedy() string {
	const lower = "or lower --disk-floor-mb"
	if _, err := os.Stat(w.ballast()); err != nil {
		return "free some space, " + lower
	}
	return "free some space, delete " + w.ballast() + ", " + lower
}

// room says why a disk with that floor should not be written to.
func (s space) room(floor int64) error {
	var e *invoq.Error
	switch {
	case s.readOnly:
		e = invoq.Errorf(invoq.KindUnavailable, "the disk is read-only; send this again later")
	case s.free < floor:
		e = invoq.Errorf(invoq.KindStorageFull,
			"the disk is full: %s are free, %s have to be; send this again later",
			megabytes(s.free), megabytes(floor))
	default:
		return nil
	}
	e.RetryAfter = retryAfter
	return e
}

// megabytes spells a size.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// unwritable is what is said of a disk that fails.
func unwritable(err error) error {
	e := invoq.Errorf(invoq.KindUnavailable, "the disk cannot be written to; send this again later")
	e.RetryAfter = retryAfter
	return e.WithCause(err)
}

// Probe writes, syncs and deletes a file, and returns why that could not be
// done: room alone does not say that a quota or a broken disk lets anything be
// written.
func (w *Watch) Probe() (err error) {
	path := filepath.Join(w.cfg.Dir, fmt.Sprintf(".probe-%d", w.probes.Add(1)))
	f, err := os.Create(path)
	if err != nil {
		return unwritable(err)
	}
	defer os.Remove(path)
	defer f.Close()
	if _, err := f.Write(make([]byte, probeBytes)); err != nil {
		return unwritable(err)
	}
	if err := f.Sync(); err != nil {
		return unwritable(err)
	}
	return nil
}

// SameDisk reports whether the folder, which need not be there yet, is on the
// disk that is watched.
func (w *Watch) SameDisk(dir string) (bool, error) {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	own, err := measure(w.cfg.Dir)
	if err != nil {
		return false, err
	}
	other, err := measure(dir)
	return own.device == other.device, err
}

// Measure adds the free bytes of the disk to the set, −1 when nobody knows.
func (w *Watch) Measure(set *metrics.Set) {
	set.NewGauge(fmt.Sprintf("invoq_disk_free_bytes{dir=%q}", w.cfg.Dir), func() float64 {
		s, err := measure(w.cfg.Dir)
		if err != nil {
			return -1
		}
		return float64(s.free)
	})
}

// Run tells the log when the disk has no room and when it has room again, and
// keeps the ballast, until the context ends. It then returns nil.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		w.runOnce()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *Watch) runOnce() {
	err := w.Room()
	switch {
	case err != nil && !w.low:
		w.log.Error("nothing is taken in that needs this disk", "dir", w.cfg.Dir, "err", err,
			"do", "free some space, or delete "+w.ballast()+"; it goes on by itself")
	case err == nil && w.low:
		w.log.Info("the disk has room again", "dir", w.cfg.Dir)
	}
	w.low = err != nil
	if err == nil {
		w.keepBallast()
	}
}
