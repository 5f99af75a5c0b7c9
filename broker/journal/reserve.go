package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A reserve is a file that only takes up room. It goes when the disk is full,
// so that deletions and cursors can still be written; that it can be put back
// is the sign that there is room again.
type reserve struct {
	path    string
	size    int64
	missing bool
}

const (
	maxReserve = 16 << 20
	minReserve = 1 << 20
)

// makeReserve puts a file of about want bytes into folder, a smaller one on a
// small disk, where it leaves at least as much room as it takes. If there is
// no room at all the reserve is missing: the store then opens as one whose
// disk is full.
func makeReserve(folder string, want int64) *reserve {
	r := &reserve{path: filepath.Join(folder, "reserve")}
	for r.size = min(max(want, minReserve), maxReserve); ; r.size /= 2 {
		if err := r.fill(2 * r.size); err == nil || r.size/2 < minReserve {
			return r
		}
	}
}

// fill writes the file, whole and synced, or leaves none. Where none was, it
// wants to find as much room as proof says.
func (r *reserve) fill(proof int64) (err error) {
	r.missing = true
	if info, err := os.Stat(r.path); err == nil && info.Size() == r.size {
		r.missing = false
		return nil
	}
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("reserve room in the store: %w", err)
	}
	zeros := make([]byte, minReserve/4)
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
	r.missing = false
	return nil
}

// starve gives the reserve up.
func (f *journalFile) starve() {
	if f.reserve != nil && !f.reserve.missing {
		f.reserve.missing = true
		_ = os.Remove(f.reserve.path) // if it fails, there is only less room
	}
}

// starved tells whether the reserve has been given up.
func (f *journalFile) starved() bool { return f.reserve != nil && f.reserve.missing }

// feed puts the reserve back, if there is half as much room beyond it: without
// that the disk is as full as before.
func (f *journalFile) feed() error { return f.reserve.fill(f.reserve.size * 3 / 2) }
