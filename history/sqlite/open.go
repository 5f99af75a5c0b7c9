package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/gofrs/flock"

	"hellox/sqlitefile"
)

// A FileError is the reason why a history file cannot be used. The file is as it
// was.
type FileError struct {
	Path   string
	Reason string // a clause: "it is …", "another …"
	Advice string // what to do about it, one sentence; "" if nothing can be said
	Err    error  // the cause, or nil
	inUse  bool   // by another receiver
}

func (e *FileError) Error() string {
	s := fmt.Sprintf("open history %s: %s", e.Path, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *FileError) Unwrap() error { return e.Err }

// Hint returns Advice.
func (e *FileError) Hint() string { return e.Advice }

// checkPath refuses a path that could lead to another user's file.
func checkPath(path string) error {
	for _, p := range []string{path, path + ".lock"} {
		info, err := os.Lstat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return &FileError{Path: path, Reason: "it cannot be read", Err: err}
		case info.Mode()&fs.ModeSymlink != 0:
			return &FileError{Path: path, Reason: filepath.Base(p) + " is a symbolic link, which another user may redirect",
				Advice: "Name the file itself."}
		case !info.Mode().IsRegular():
			return &FileError{Path: path, Reason: filepath.Base(p) + " is not a regular file", Advice: "Name a file."}
		}
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return &FileError{Path: path, Reason: "its folder cannot be read", Err: err}
	}
	// In a folder like /tmp every user may write, but replace only own files.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return &FileError{Path: path, Reason: "every user may write to its folder", Advice: "Type: chmod o-w " + dir}
	}
	return nil
}

// lockFile makes this process the only one that uses the file, as long as it
// lives. The lock is the kernel's and ends with the process; the file beside
// the history that carries it is never deleted, for another process might be
// waiting for it.
func lockFile(path string) (*flock.Flock, error) {
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, &FileError{Path: path, Reason: "it cannot be locked", Err: err}
	case !held:
		return nil, &FileError{Path: path, Reason: "another receiver is using it",
			Advice: "Stop the other one, or give this one a history of its own.", inUse: true}
	}
	return lock, nil
}

// quickCheckLimit is the size up to which a file is checked as a whole when it
// is opened. Beyond it each row's CRC detects damage.
const quickCheckLimit = 64 << 20

// inspect checks an existing file without changing a byte of it or of what
// lies beside it.
func inspect(ctx context.Context, path string, newest int, check bool) error {
	if err := inspectHeader(path); err != nil {
		return err
	}
	as := asVisitor
	if info, err := os.Lstat(path + "-wal"); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		as = asSoleVisitor
	}
	c, err := sqlitefile.Dial(ctx, path, as)
	if err != nil {
		return unusable(path, err)
	}
	defer c.Close()
	version, _, err := c.Integer(ctx, "PRAGMA user_version")
	switch {
	case err != nil:
		return unusable(path, err)
	case version > int64(newest):
		return &FileError{Path: path, Reason: fmt.Sprintf("it is of version %d, and this hellox knows versions up to %d", version, newest),
			Advice: "Use the hellox that wrote it, or a newer one."}
	}
	if info, err := os.Stat(path); err == nil && check && info.Size() <= quickCheckLimit {
		var found *structureError
		switch err := checkStructure(ctx, c); {
		case errors.As(err, &found):
			return damagedFile(path, err)
		case err != nil:
			return unusable(path, err)
		}
	}
	return nil
}

// checkStructure checks the whole file. A row whose content is damaged is no
// error if it is one of m, which has a checksum of its own.
func checkStructure(ctx context.Context, c *sqlitefile.Conn) error {
	for _, check := range []string{"100", "'meta'", "'source'", "'sender'", "'mark'"} {
		var complaints []string
		err := c.QueryOnce(ctx, "PRAGMA quick_check("+check+")", func(v []driver.Value) error {
			if v[0] != "ok" {
				complaints = append(complaints, fmt.Sprint(v[0]))
			}
			return nil
		})
		switch {
		case err != nil:
			return err
		case len(complaints) == 0 && check == "100":
			return nil
		case len(complaints) > 0 && (check != "100" || !onlyRows(complaints)):
			return &structureError{complaints[0]}
		}
	}
	return nil
}

// A structureError is the first complaint of a check.
type structureError struct{ complaint string }

func (e *structureError) Error() string { return e.complaint }

func damagedFile(path string, err error) error {
	return &FileError{Path: path, Reason: "it is damaged", Err: err,
		Advice: fmt.Sprintf("Move it away (and %s-wal, if there is one): a new history begins then.", filepath.Base(path))}
}

// unusable returns the error of a file that could not be read or loaded.
func unusable(path string, err error) error {
	switch {
	case sqlitefile.IsDamaged(err), sqlitefile.IsMisfit(err):
		return damagedFile(path, err)
	case isFull(err):
		return fullDisk(path, err)
	case sqlitefile.IsBusy(err):
		return &FileError{Path: path, Reason: "another program has locked it", Err: err, Advice: "End the other program."}
	}
	return &FileError{Path: path, Reason: "it cannot be used", Err: err}
}

func fullDisk(path string, err error) error {
	return &FileError{Path: path, Reason: "its disk is full", Err: err, Advice: "Make room on it."}
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || sqlitefile.IsFull(err) }

// passing are errors of the operating system that are not about the file: a full disk or
// quota, a disk or file server that fails, too many open files.
var passing = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EMFILE, syscall.ENFILE}

// Heals reports whether a history that Open failed to open with err may be opened later
// as it is: another program uses it, or its disk is full or fails. hint is what to do.
func Heals(err error) (hint string, heals bool) {
	file, ok := errors.AsType[*FileError](err)
	if !ok {
		return "", false
	}
	isPassing := func(e syscall.Errno) bool { return errors.Is(err, e) }
	switch {
	case file.inUse, sqlitefile.IsBusy(err):
		return file.Advice, true
	case isFull(err):
		return cmp.Or(file.Advice, "Make room on its disk."), true
	case sqlitefile.IsIO(err), slices.ContainsFunc(passing, isPassing):
		return cmp.Or(file.Advice, "Check the disk and the file system of "+filepath.Dir(file.Path)+"."), true
	}
	return "", false
}

// inspectHeader reads the first 100 bytes itself (the file format, section
// 1.3): SQLite would begin to recover the file before it could be asked. It is
// called before this process has the file open by SQLite, whose locks this
// Close would otherwise drop.
func inspectHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return &FileError{Path: path, Reason: "it cannot be read", Err: err}
	}
	defer f.Close()
	header := make([]byte, 100)
	n, err := f.Read(header)
	foreign := &FileError{Path: path, Reason: "it is not a history of hellox", Advice: "Move it away (a new history begins then), or name another file."}
	switch {
	case err != nil:
		return &FileError{Path: path, Reason: "it cannot be read", Err: err}
	case n < len(header) || !bytes.HasPrefix(header, []byte("SQLite format 3\x00")):
		return foreign
	case binary.BigEndian.Uint32(header[68:]) != applicationID:
		return foreign
	}
	return nil
}

// create makes an empty history and only then gives it its name: a process
// killed in between leaves nothing that looks like one.
func create(ctx context.Context, path string, steps []string) error {
	fail := func(err error) error {
		if isFull(err) {
			return fullDisk(path, err)
		}
		return &FileError{Path: path, Reason: "it cannot be created", Err: err}
	}
	state := "gone"
	if _, err := os.Lstat(path); err == nil {
		state = "empty"
	}
	for _, rest := range []string{"-wal", "-journal"} {
		if info, err := os.Lstat(path + rest); err == nil && info.Size() > 0 {
			return &FileError{Path: path, Reason: "it is " + state + ", but its " + filepath.Base(path) + rest + " is still there and holds messages",
				Advice: "Bring the file back, or move " + path + rest + " away as well."}
		}
	}
	made := path + ".new"
	for _, rest := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(made + rest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(err)
		}
	}
	f, err := os.OpenFile(made, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fail(err)
	}
	if err := f.Close(); err != nil {
		return fail(err)
	}
	c, err := sqlitefile.Dial(ctx, made, asWriter)
	if err != nil {
		return fail(err)
	}
	err = errors.Join(
		c.Script(ctx, fmt.Sprintf("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = %d;", applicationID)),
		migrate(ctx, c, steps),
	)
	if err == nil {
		err = c.Script(ctx, "PRAGMA journal_mode = WAL")
	}
	if err = errors.Join(err, c.Close()); err != nil {
		return fail(err)
	}
	if err := os.Rename(made, path); err != nil {
		return fail(err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fail(err)
	}
	return nil
}

// syncFolder makes a rename last. Windows knows no such thing.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
