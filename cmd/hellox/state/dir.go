package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// Root returns the directory of this machine's instances.
func Root(env func(string) (string, bool)) (string, error) {
	if dir, ok := env("XDG_STATE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "hellox"), nil
	}
	if runtime.GOOS == "windows" {
		if dir, ok := env("LOCALAPPDATA"); ok && dir != "" {
			return filepath.Join(dir, "hellox"), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &hintError{fmt.Errorf("find the state folder: %w", err), "XDG_STATE_HOME=/tmp/hellox-state hellox up"}
	}
	return filepath.Join(home, ".local", "state", "hellox"), nil
}

// noFolder adds to err, of using path, which file stands where a folder of path should be.
func noFolder(path string, err error) error {
	if !errors.Is(err, syscall.ENOTDIR) {
		return err
	}
	for at := path; ; at = filepath.Dir(at) {
		if info, statErr := os.Stat(at); statErr == nil && !info.IsDir() {
			return &hintError{fmt.Errorf("use the state folder %s: %s is a file", path, at), fmt.Sprintf("%s %s %s.old", moveCommand, at, at)}
		}
		if at == filepath.Dir(at) {
			return err
		}
	}
}

// Dir is the state directory of one installation on this machine.
type Dir string

// DirOf returns the directory of i below root.
func DirOf(root string, i Installation) Dir { return Dir(filepath.Join(root, i.folder())) }

// LogFile is the file that a local installation logs to.
func (d Dir) LogFile() string { return d.file("hellox.log") }

// HistoryFile is the SQLite file of a local installation's messages.
func (d Dir) HistoryFile() string { return d.file("history.db") }

// BrokerDir is the directory of a local installation's journal.
func (d Dir) BrokerDir() string { return d.file("broker") }

// DataSize returns how many bytes the history and the journal of a local installation take,
// as far as they can be read.
func (d Dir) DataSize() (bytes int64) {
	_ = filepath.WalkDir(string(d), func(path string, e fs.DirEntry, err error) error {
		isData := strings.HasPrefix(path, d.HistoryFile()) || strings.HasPrefix(path, d.BrokerDir()+string(filepath.Separator))
		if err != nil || !isData || !e.Type().IsRegular() {
			return nil //nolint:nilerr // what cannot be read is not counted
		}
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// Empty reports whether d holds neither a record nor data: only what a process
// makes before it has done anything, or nothing.
func (d Dir) Empty() bool {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	made := []string{d.lockFile(), d.pidFile(), d.LogFile(), d.file(daemonOut), d.file(daemonErr)}
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !slices.Contains(made, d.file(e.Name())) })
}

func (d Dir) instanceFile() string { return d.file("record.json") }
func (d Dir) lockFile() string     { return d.file("lock") }
func (d Dir) pidFile() string      { return d.file("lock.pid") }

func (d Dir) file(name string) string { return filepath.Join(string(d), name) }

// hintError is an error with the hint that a command prints below it.
type hintError struct {
	error
	hint string
}

func (e *hintError) Unwrap() error { return e.error }

// Hint returns what to do about the error.
func (e *hintError) Hint() string { return e.hint }
