package journal

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
)

var (
	errFull   = errors.New("the store is full")
	errFailed = errors.New("the store has failed")
)

// A state tells what the journal does with new messages.
type state byte

const (
	working state = iota
	full          // no message is taken; cause says why
	failed        // the file has been given up
)

func (j *Journal) atLimit() string {
	return fmt.Sprintf("the store has reached its limit of %s: publishers get no acknowledgement until what is queued has been fetched", humanize.IBytes(uint64(j.totalLimit)))
}

// degrade makes the journal refuse messages. The caller holds j.mu.
func (j *Journal) degrade(cause string) {
	if j.state != working {
		return
	}
	j.state, j.cause = full, cause
	j.metrics.Degraded.Set(1)
	j.log.Warn("degraded", "cause", cause)
	j.changed.Broadcast()
	j.wakeWriter()
}

// recovered makes the journal take messages again. The caller holds j.mu.
func (j *Journal) recovered() {
	if j.state != full {
		return
	}
	j.state, j.cause = working, ""
	j.metrics.Degraded.Set(0)
	j.onRecovered()
	j.log.Info("recovered: publishers get acknowledgements again")
}

// Fail gives the file up for good: nothing more is acknowledged.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	if j.state == failed {
		j.mu.Unlock()
		return
	}
	j.state, j.cause = failed, err.Error()
	refused := j.dropPending()
	j.changed.Broadcast()
	j.wakeWriter()
	j.mu.Unlock()
	for _, c := range refused {
		c.Refuse(err.Error())
	}
	j.failing <- err
}

// Failed returns a channel that gets the reason when the file has been given up.
func (j *Journal) Failed() <-chan error { return j.failing }

// dropPending drops the pending writes and returns their waiters. The caller
// holds j.mu, and refuses the waiters without it.
func (j *Journal) dropPending() []Waiter {
	refused := j.waiters
	for _, e := range j.pending {
		if e.from != nil {
			refused = append(refused, e.from)
		}
	}
	j.pending, j.pendingBytes, j.waiters = nil, 0, nil
	return refused
}

// Degraded returns why nothing is acknowledged, in one sentence, or "".
func (j *Journal) Degraded() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cause
}
