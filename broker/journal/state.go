package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

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

// atItsLimit reports whether the journal takes no more. The caller holds j.mu.
func (j *Journal) atItsLimit() bool {
	return j.stored.bytes+int64(j.pendingBytes) >= j.limit
}

// makingRoom reports whether the journal is at its limit, and sessions that end
// or the next commits make room. The caller holds j.mu.
func (j *Journal) makingRoom() bool {
	if !j.atItsLimit() {
		return false
	}
	if !j.quotas.relieving && j.pendingBytes == 0 {
		j.quotas.relieve(&j.stored)
		j.tellOver()
	}
	return j.quotas.relieving || j.pendingBytes > 0
}

// tellOver tells the broker when sessions are over. The caller holds j.mu.
func (j *Journal) tellOver() {
	if len(j.quotas.over) > 0 && j.onOver != nil {
		j.onOver()
	}
}

func (j *Journal) atLimit() string {
	return fmt.Sprintf("the broker's store has reached its limit of %s: publishers get no acknowledgement until what is queued has been fetched", humanize.IBytes(uint64(j.totalLimit)))
}

// diskFull says where there is no room, and how much is needed.
func (j *Journal) diskFull() string {
	b := j.file.ballast
	if b == nil {
		return "the broker's store is full: publishers get no acknowledgement until there is room"
	}
	return fmt.Sprintf("the disk of the broker's store is full: publishers get no acknowledgement until %s are free in %s",
		humanize.IBytes(uint64(b.refillRoom())), filepath.Dir(b.path))
}

// degrade makes the journal refuse messages. The caller holds j.mu.
func (j *Journal) degrade(cause string) {
	if j.state != working {
		return
	}
	j.state = full
	j.setCause(cause)
	j.reminded = j.since
	j.log.Warn("degraded", "cause", cause)
	j.changed.Broadcast()
	j.wakeWriter()
}

// recovered makes the journal take messages again. The caller holds j.mu.
func (j *Journal) recovered() {
	if j.state != full {
		return
	}
	took := time.Since(j.since)
	j.state = working
	j.setCause("")
	j.onRecovered()
	j.log.Info("recovered: publishers get acknowledgements again", "after", took.Round(time.Millisecond).String())
}

// setCause sets why nothing is acknowledged. The caller holds j.mu. The metric comes
// first: others set it, too, when they are told of the change.
func (j *Journal) setCause(cause string) {
	if cause == "" {
		j.metrics.Degraded.Set(0)
	} else {
		j.metrics.Degraded.Set(1)
	}
	if (cause == "") != (j.cause == "") {
		j.since = time.Now()
	}
	if cause == j.cause {
		return
	}
	j.cause = cause
	if j.onChanged != nil {
		j.onChanged()
	}
}

// remindEvery is how often the log says that the store is still full: the line
// that said so first is soon far up.
const remindEvery = time.Minute

func (j *Journal) remind(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state == full && now.Sub(j.reminded) >= remindEvery {
		j.reminded = now
		j.log.Warn("still degraded", "cause", j.cause, "since", j.since)
	}
}

// Fail gives the file up for good: nothing more is acknowledged.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	if j.state == failed {
		j.mu.Unlock()
		return
	}
	j.state, j.cause = failed, err.Error()
	dropped := j.dropPending()
	j.changed.Broadcast()
	j.wakeWriter()
	j.mu.Unlock()
	dropped.refuse(err.Error())
	j.failing <- err
}

// Failed returns a channel that gets the reason when the file has been given up.
func (j *Journal) Failed() <-chan error { return j.failing }

// droppedWrites are pending writes that are not stored, and connections that
// wait for them.
type droppedWrites struct {
	writes  []pendingWrite
	waiters []Waiter
}

// dropPending drops the pending writes. The caller holds j.mu, and refuses what
// is returned without it.
func (j *Journal) dropPending() droppedWrites {
	dropped := droppedWrites{j.pending, j.waiters}
	j.pending, j.pendingBytes, j.waiters = nil, 0, nil
	return dropped
}

// refuse tells why they are not stored: first the sessions, so that a message
// which comes again is taken, then the connections.
func (d droppedWrites) refuse(cause string) {
	for _, e := range d.writes {
		if r := e.receipt; r != nil && !r.Released {
			r.Publisher.Withdraw(r.ID)
		}
	}
	for _, e := range d.writes {
		if e.from != nil {
			e.from.Refuse(cause)
		}
	}
	for _, c := range d.waiters {
		c.Refuse(cause)
	}
}

// Degraded returns why nothing is acknowledged, in one sentence, and since when;
// "" if all is well.
func (j *Journal) Degraded() (cause string, since time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cause, j.since
}
