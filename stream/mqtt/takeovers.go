package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"hellox/stream"
	"hellox/stream/safetext"
)

// A takeovers recognises that another client uses our client ID: a broker closes
// the connection of one when the other connects [MQTT-3.1.4-2], without a reason
// in MQTT 3.1.1 (a hellox broker gives one), and the two throw each other out for ever.
type takeovers struct {
	clientID string // "": a random one, which no other client uses
	flag     string // sets clientID
	closed   []time.Time
}

// Three connections within a minute that stood and were closed by the broker are
// no coincidence. A broker that restarts refuses connections in between.
const (
	takeoverCount = 3
	takeoverTime  = time.Minute
)

// explain returns err, why a connection ended or was not made, with what it
// probably means. stood is how long the connection did; 0: it had no subscription
// yet, or there was none.
func (t *takeovers) explain(err error, stood time.Duration, now time.Time) error {
	if t.clientID == "" {
		return err
	}
	lost, ok := errors.AsType[*lostError](err)
	if ok && lost.noticed && strings.Contains(lost.cause, stream.RefusedTakenOver) {
		told := *lost
		told.cause += fmt.Sprintf("; if both are to run, give one of them another with %s", t.flag)
		return &told
	}
	switch {
	case !ok || lost.cause != causeClosed:
		t.closed = t.closed[:0]
		return err
	case stood == 0:
		// The other client was so quick, or the broker lets no client subscribe:
		// those before count as they did.
		return err
	}
	if len(t.closed) == takeoverCount {
		t.closed = t.closed[1:]
	}
	t.closed = append(t.closed, now)
	if len(t.closed) < takeoverCount || now.Sub(t.closed[0]) > takeoverTime {
		return err
	}
	return &lostError{cause: fmt.Sprintf("%s again and again: another client probably uses the client ID %q too; give one of them another with %s",
		causeClosed, safetext.Clean(t.clientID), t.flag)}
}
