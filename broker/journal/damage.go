package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"

	"hellox/sqlitefile"
)

// A damagedFileError is a store that cannot be opened.
type damagedFileError struct {
	folder string
	err    error
}

func (e *damagedFileError) Error() string {
	return fmt.Sprintf("open the store %s: its broker.db is damaged, or of another program: %v", e.folder, e.err)
}

func (e *damagedFileError) Unwrap() error { return e.err }

// Hint returns what helps.
func (e *damagedFileError) Hint() string {
	return "move broker.db and broker.db-wal away: the store begins anew, without the sessions and retained messages"
}

// A fullDiskError is a store that cannot be opened because its disk has no room at
// all: SQLite needs some to recover its log.
type fullDiskError struct {
	folder string
	err    error
}

func (e *fullDiskError) Error() string {
	return fmt.Sprintf("open the store %s: its disk is full: %v", e.folder, e.err)
}

func (e *fullDiskError) Unwrap() error { return e.err }

// Hint returns what helps.
func (e *fullDiskError) Hint() string {
	return "make room on the disk and start the broker again; what it has acknowledged is still there: df -h " + e.folder
}

// isFull reports whether err is that of a full disk.
func isFull(err error) bool { return sqlitefile.IsFull(err) || errors.Is(err, syscall.ENOSPC) }

// OpenError returns err as the error of opening the store in folder, with what helps if
// that is known.
func OpenError(folder string, err error) error {
	switch {
	case sqlitefile.IsDamaged(err):
		return &damagedFileError{folder, err}
	case isFull(err):
		return &fullDiskError{folder, err}
	}
	return fmt.Errorf("open the store %s: %w", folder, err)
}

// damage tells what is unreadable in the file, and therefore lost: once when the
// file has been loaded, and then what is found when it is fetched.
type damage struct {
	log *slog.Logger

	mu    sync.Mutex
	lost  []string // found while the file is loaded
	batch map[uint64]bool
}

func newDamage(log *slog.Logger) *damage {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &damage{log: log, batch: map[uint64]bool{}}
}

// damageNamed is how much of what is lost is named.
const damageNamed = 10

// note takes note of something lost, for tell.
func (d *damage) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = append(d.lost, fmt.Sprintf(format, args...))
}

// noteLog takes note of what SQLite leaves out of the write-ahead log.
func (d *damage) noteLog(l sqlitefile.LostLog) {
	switch {
	case l.Commits > 0:
		d.note("all that the last %d writes brought", l.Commits)
	case l.Torn:
		d.log.Warn("the newest write of the store is incomplete and left out: it was not acknowledged, unless the disk has damaged it")
	}
}

// tell says in one line what is lost.
func (d *damage) tell() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.lost); n > 0 {
		named := d.lost[:min(n, damageNamed)]
		if n > damageNamed {
			named = append(named, fmt.Sprintf("and %d more", n-damageNamed))
		}
		d.log.Error("the store is damaged on the disk", "lost", strings.Join(named, ", "))
		d.lost = nil
	}
}

// unreadable tells once of rows that a session waits for.
func (d *damage) unreadable(s span, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.batch[s.last] {
		d.batch[s.last] = true
		d.log.Error("messages of the store are damaged on the disk: the sessions that wait for them do not get them",
			"writes", fmt.Sprintf("%d to %d", s.first, s.last), "err", err)
	}
}
