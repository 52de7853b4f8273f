package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// ballastName is the file that holds room back.
	ballastName = "ballast"
	// ballastShare is the part of a small disk that the ballast takes at most.
	ballastShare = 64
)

// ballast returns the path of the ballast.
func (w *Watch) ballast() string { return filepath.Join(w.cfg.Dir, ballastName) }

// keepBallast makes the ballast where it is missing and there is so much room
// that it could be made twice: somebody who has just deleted it needs the room.
func (w *Watch) keepBallast() {
	if w.cfg.BallastBytes == 0 {
		return
	}
	if _, err := os.Stat(w.ballast()); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	s, err := measure(w.cfg.Dir)
	if err != nil {
		return // Room says so.
	}
	size := min(w.cfg.BallastBytes, s.total/ballastShare)
	if size == 0 || s.free-2*size < w.floor(s) {
		return
	}
	if err := reserve(w.ballast(), size); err != nil {
		w.log.Warn("the ballast could not be made; the disk works without it",
			"file", w.ballast(), "err", err)
		w.cfg.BallastBytes = 0
	}
}
