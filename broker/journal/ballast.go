package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A ballast is a file that only takes up room. It goes when the disk is full,
// so that deletions and cursors can still be written; that it can be put back
// is the sign that there is room again.
type ballast struct {
	path     string
	size     int64
	released bool
}

const (
	maxBallast = 16 << 20
	minBallast = 1 << 20
)

// makeBallast puts a file of about want bytes into folder, a smaller one on a
// small disk, where it leaves at least as much room as it takes. If there is
// no room at all the reserve is missing: the store then opens as one whose
// disk is full.
func makeBallast(folder string, want int64) *ballast {
	r := &ballast{path: filepath.Join(folder, "reserve")}
	for r.size = min(max(want, minBallast), maxBallast); ; r.size /= 2 {
		if err := r.fill(2 * r.size); err == nil || r.size/2 < minBallast {
			return r
		}
	}
}

// fill writes the file, whole and synced, or leaves none. Where none was, it
// wants to find as much room as proof says.
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

// releaseBallast gives the reserve up.
func (f *file) releaseBallast() {
	if f.ballast != nil && !f.ballast.released {
		f.ballast.released = true
		_ = os.Remove(f.ballast.path) // if it fails, there is only less room
	}
}

// ballastReleased tells whether the reserve has been given up.
func (f *file) ballastReleased() bool { return f.ballast != nil && f.ballast.released }

// refillBallast puts the reserve back, if there is half as much room beyond it: without
// that the disk is as full as before.
func (f *file) refillBallast() error { return f.ballast.fill(f.ballast.size * 3 / 2) }
