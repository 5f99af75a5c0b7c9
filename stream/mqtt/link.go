package mqtt

import (
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
}

func (l *links) change(link stream.Link) {
	link.Since = l.now()
	if link.State == l.last.State {
		link.Since = l.last.Since
	}
	if l.log != nil && (link.State != l.last.State || link.Cause != l.last.Cause) {
		if link.State == stream.Retrying {
			l.log.Warn("no connection to the broker", link.Attrs()...)
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
	l.change(stream.Link{State: stream.Retrying, Retry: l.now().Add(wait), Cause: Cause(err), Hint: stream.Hint(err)})
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
