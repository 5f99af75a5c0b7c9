package smallfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file at path, or makes it for this user only: its readers find
// what was in it or what is, whole, also after a crash. A file that is replaced keeps
// its mode, and a link stays one. Its errors do not name the temporary file.
func Write(path string, content []byte) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	made, err := written(path, content)
	if err != nil {
		return writeError(path, err)
	}
	defer func() { _ = os.Remove(made) }() // what was not renamed
	if old, err := os.Stat(path); err == nil {
		if err := os.Chmod(made, old.Mode().Perm()); err != nil {
			return writeError(path, err)
		}
	}
	if err := errors.Join(rename(made, path), syncDir(filepath.Dir(path))); err != nil {
		return writeError(path, err)
	}
	return nil
}

// Create makes the file at path, for this user only, whole or not at all. It fails with
// fs.ErrExist if there is one.
func Create(path string, content []byte) error {
	made, err := written(path, content)
	if err != nil {
		return writeError(path, err)
	}
	defer func() { _ = os.Remove(made) }() // it has its name by then, or is of no use
	err = os.Link(made, path)              // unlike a rename, it overwrites nothing
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// A file system without links.
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return writeError(path, fs.ErrExist)
		}
		err = rename(made, path)
	}
	if err := errors.Join(err, syncDir(filepath.Dir(path))); err != nil {
		return writeError(path, err)
	}
	return nil
}

// written returns the name of a temporary file beside path that has the content on
// disk. Its mode is 0600.
func written(path string, content []byte) (name string, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".hellox-*")
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// writeError names the file that should be written in place of the temporary one.
func writeError(path string, err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		err = p.Err
	} else if l := new(os.LinkError); errors.As(err, &l) {
		err = l.Err
	}
	return fmt.Errorf("write %s: %w", path, err)
}
