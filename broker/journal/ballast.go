package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A ballast is a file that only takes up room. It is removed when the disk is
// full, so that deletions and cursors can still be written. There is room again
// when it can be refilled.
type ballast struct {
	path     string
	size     int64
	released bool
}

const (
	maxBallast = 16 << 20
	minBallast = 1 << 20
)

// makeBallast creates a ballast of about want bytes in folder, a smaller one on
// a small disk, where it leaves at least as much room as it takes. If there is
// no room at all the ballast is released: the journal then opens as one whose
// disk is full, or not at all if SQLite finds no room to recover its log (OpenError).
func makeBallast(folder string, want int64) *ballast {
	r := &ballast{path: filepath.Join(folder, "reserve")}
	for r.size = min(max(want, minBallast), maxBallast); ; r.size /= 2 {
		if err := r.fill(2 * r.size); err == nil || r.size/2 < minBallast {
			return r
		}
	}
}

// fill writes and syncs the whole file, or leaves none. If there was none, it
// fails unless it finds proof bytes of room.
func (r *ballast) fill(proof int64) (err error) {
	r.released = true
	if info, err := os.Stat(r.path); err == nil && info.Size() == r.size {
		r.released = false
		return nil
	}
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("reserve room in the store: %w", err)
	}
	zeros := make([]byte, minBallast/4)
	for n := int64(0); n < proof && err == nil; n += int64(len(zeros)) {
		_, err = file.Write(zeros)
	}
	if err == nil {
		err = file.Truncate(r.size)
	}
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err != nil {
		return errors.Join(fmt.Errorf("reserve room in the store: %w", err), os.Remove(r.path))
	}
	r.released = false
	return nil
}

// releaseBallast removes the ballast.
func (f *file) releaseBallast() { f.ballast.release() }

// release removes the ballast, if there is one, and reports whether there was.
func (r *ballast) release() bool {
	if r == nil || r.released {
		return false
	}
	r.released = true
	_ = os.Remove(r.path) // on failure there is less room, nothing else
	return true
}

// ballastReleased reports whether the ballast is removed.
func (f *file) ballastReleased() bool { return f.ballast != nil && f.ballast.released }

// refillBallast creates the ballast again if there is half as much room beyond
// it; with less, the disk would be full again at once.
func (f *file) refillBallast() error { return f.ballast.fill(f.ballast.refillRoom()) }

// refillRoom returns how many bytes must be free before the ballast is created
// again.
func (r *ballast) refillRoom() int64 { return r.size * 3 / 2 }
