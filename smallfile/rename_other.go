//go:build !windows

package smallfile

import "os"

// rename gives a file its name, in the place of another one.
func rename(from, to string) error { return os.Rename(from, to) }

// syncDir makes a rename in a folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
