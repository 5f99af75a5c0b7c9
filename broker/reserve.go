package broker

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

// makeReserve puts a file of about want bytes into folder, a smaller one if
// there is not so much room.
func makeReserve(folder string, want int64) (*reserve, error) {
	r := &reserve{path: filepath.Join(folder, "reserve"), size: min(max(want, minReserve), maxReserve)}
	for {
		err := r.fill()
		if err == nil || r.size/2 < minReserve {
			return r, err
		}
		r.size /= 2
	}
}

// fill writes the file, whole and synced, or leaves none.
func (r *reserve) fill() (err error) {
	r.missing = true
	if info, err := os.Stat(r.path); err == nil && info.Size() == r.size {
		r.missing = false
		return nil
	}
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("reserve room in the store: %w", err)
	}
	zeros := make([]byte, 256<<10)
	for n := int64(0); n < r.size && err == nil; n += int64(len(zeros)) {
		_, err = file.Write(zeros[:min(int64(len(zeros)), r.size-n)])
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
		os.Remove(f.reserve.path) // if it fails, there is only less room
	}
}

// starved tells whether the reserve has been given up.
func (f *journalFile) starved() bool { return f.reserve != nil && f.reserve.missing }

// feed puts the reserve back.
func (f *journalFile) feed() error { return f.reserve.fill() }
