package rights

import (
	"context"
	"fmt"
	"os"
	"time"
)

// A Stat tells the present files from others.
type Stat struct {
	paths []string
	seen  string
}

// StatFiles returns the Stat of files. One is taken before they are read: what
// changes meanwhile is seen by Watch.
func StatFiles(paths ...string) Stat {
	s := Stat{paths: paths}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			s.seen += err.Error() + "\n"
			continue
		}
		s.seen += fmt.Sprintln(info.Size(), info.ModTime().UnixNano(), info.Mode())
	}
	return s
}

// Same reports whether the files are those of o.
func (s Stat) Same(o Stat) bool { return s.seen == o.seen }

const pollInterval = time.Second

// Watch calls read when the files are not those of s any more, and when reload gets
// a value, until ctx ends. A file that still grows is left until it has been the
// same for a second.
func (s Stat) Watch(ctx context.Context, reload <-chan os.Signal, read func()) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	used, last := s.seen, s.seen
	for {
		select {
		case <-reload:
			used = StatFiles(s.paths...).seen
		case <-tick.C:
			before := last
			if last = StatFiles(s.paths...).seen; last == used || last != before {
				continue
			}
			used = last
		case <-ctx.Done():
			return
		}
		read()
	}
}
