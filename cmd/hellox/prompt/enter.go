package prompt

import (
	"bufio"
	"errors"
	"io"
	"syscall"
	"time"
)

// foregroundWait is after how long a process in the background tries to read from
// its terminal again.
const foregroundWait = 500 * time.Millisecond

// Enter returns a channel that is closed once a line was entered on the terminal in.
// Its end closes nothing. In the background (`hellox up &`, or after Ctrl-Z and bg)
// it waits to be in the foreground: by default the kernel stops a process there that
// reads, which then serves nothing and cannot even be ended by SIGTERM.
func Enter(in io.Reader) <-chan struct{} {
	ignoreStopOnRead()
	entered := make(chan struct{})
	// It stays behind in its read when something else ends the wait; the process
	// ends then.
	go func() {
		for {
			_, err := bufio.NewReader(in).ReadString('\n')
			if err == nil {
				close(entered)
				return
			}
			if !errors.Is(err, syscall.EIO) { // a read in the background
				return
			}
			time.Sleep(foregroundWait)
		}
	}()
	return entered
}
