package rights

import (
	"errors"
	"fmt"

	"hellox/smallfile"
)

// A Stale is a file that is wrong now: what it said when it was read last without an
// error stays in force. Other files do not wait for it: who takes away a right in one
// must not be held up by a slip in another.
type Stale struct {
	Flag string // that names the file, such as "acl"
	Path string
	Err  error // why, one sentence
}

// StaleFiles are those of several that are wrong now.
type StaleFiles []Stale

// Note notes that a file is wrong, unless err is nil.
func (s *StaleFiles) Note(flag, path string, err error) {
	if err != nil {
		*s = append(*s, Stale{flag, path, err})
	}
}

// Err returns why files are wrong, each in a line of its own, or nil if none is.
func (s StaleFiles) Err() error {
	all := make([]error, len(s))
	for i := range s {
		all[i] = s[i].Err
	}
	return errors.Join(all...)
}

// ReadFile returns what a file says by parse, which is called what in errors. If the
// file is wrong it returns before, and the error says why.
func ReadFile[T any](what, path string, before T, parse func(text []byte) (T, error)) (T, error) {
	text, err := smallfile.Read(path)
	if err != nil {
		return before, fmt.Errorf("read %s: %w", what, err)
	}
	now, err := parse(text)
	if err != nil {
		return before, fmt.Errorf("read %s of %s: %w", what, path, err)
	}
	return now, nil
}
