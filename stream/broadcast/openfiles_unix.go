//go:build unix

package broadcast

import (
	"fmt"

	"golang.org/x/sys/unix"

	"hellox/stream"
)

// checkOpenFiles reports whether this process may open a connection for each of
// count broadcasters. (Go has raised the soft limit to the hard one already.)
func checkOpenFiles(count int) error {
	const few, spare = 100, 1000
	if count <= few {
		return nil
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("ask for the limit of open files: %w", err)
	}
	if need := uint64(count + spare); limit.Cur < need {
		return stream.WithHint(fmt.Errorf("%d broadcasters need %d open files; this process may open %d", count, need, limit.Cur),
			fmt.Sprintf("raise the limit with ulimit -n %d, or take fewer broadcasters", need))
	}
	return nil
}
