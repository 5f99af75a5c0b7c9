package mqtt

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"hellox/stream"
	"hellox/stream/safetext"
)

// links reports a connection's changes, each once, to a log and a function.
type links struct {
	now  func() time.Time
	log  *slog.Logger
	tell func(stream.Link)
	last stream.Link

	began time.Time // of the first change
	stood bool      // a connection did
}

// startsFor is how long a broker may take that starts at the same time: in a cluster that is
// started the name server alone needs half a minute.
const startsFor = 30 * time.Second

func (l *links) change(link stream.Link) {
	link.Since = l.now()
	if l.began.IsZero() {
		l.began = link.Since
	}
	l.stood = l.stood || link.State == stream.Connected
	if link.State == l.last.State {
		link.Since = l.last.Since
	}
	if l.log != nil && !link.Told(l.last) {
		if link.State == stream.Retrying {
			level, message, attrs := link.Entry()
			l.log.Log(context.Background(), level, message, attrs...)
		} else {
			l.log.Info("broker", "link", string(link.State))
		}
	}
	l.last = link
	if l.tell != nil {
		l.tell(link)
	}
}

// retrying reports that there is no connection because of err, and that the next
// attempt is made in wait.
func (l *links) retrying(wait time.Duration, err error) {
	now := l.now()
	early := !l.stood && errors.Is(err, ErrUnreachable) && now.Sub(l.began) < startsFor
	l.change(stream.Link{State: stream.Retrying, Retry: now.Add(wait), Cause: Cause(err), Hint: stream.Hint(err), Early: early})
}

// Cause returns the part of err that says why: a Link stands beside the broker's
// name.
func Cause(err error) string {
	var c *ConnectError
	if errors.As(err, &c) {
		return c.Cause
	}
	var l *lostError
	if errors.As(err, &l) {
		return l.cause
	}
	return safetext.Clean(err.Error())
}
