package rights

import (
	"fmt"

	"hellox/smallfile"
)

// A Stale is a file that is wrong now: what it said when it was read last without an
// error stays in force. Other files do not wait for it: who takes away a right in one
// must not be held up by a slip in another.
type Stale struct {
	Flag string // that names the file, such as "acl"
	Path string
	Why  string // one sentence
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
