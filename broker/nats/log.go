package nats

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A serverLog passes what nats-server says on to a log. Its debug and trace lines are
// never asked for.
type serverLog struct {
	log    *slog.Logger
	fatal  chan<- error // takes one
	broken *atomic.Bool // set when a write has failed
	lines  sometimes
}

// Noticef implements server.Logger: what is usual is at the level of debug, as hellox
// says itself what an operator needs.
func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Warnf implements server.Logger.
func (l *serverLog) Warnf(format string, v ...any) { l.warn(fmt.Sprintf(format, v...)) }

// Errorf implements server.Logger. Most of its errors are those of one client.
func (l *serverLog) Errorf(format string, v ...any) { l.warn(fmt.Sprintf(format, v...)) }

func (l *serverLog) warn(text string) {
	if strings.Contains(text, `Unknown account "`+calloutAccount) {
		return // of another node, which is as it should be
	}
	if strings.Contains(text, writeFailed) {
		l.broken.Store(true)
	}
	if strings.Contains(text, "Remote server has a duplicate name") {
		l.log.Error("another node has the name of this one and is not let in: each needs a name of its own", "cause", text)
		return
	}
	for _, part := range toldByCallout {
		if strings.Contains(text, part) {
			return
		}
	}
	l.lines.warn(l.log, causeOf(text), text)
}

// toldByCallout are in what nats-server says of a client that the callout has refused,
// which has said so, and why.
var toldByCallout = []string{"auth callout service returned an error", "authentication error"}

// causeOf returns what two lines about the same cause have in common: no client and no
// number of an attempt.
func causeOf(text string) string {
	inName := false
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			inName = !inName
			return c
		case inName, '0' <= c && c <= '9':
			return -1
		}
		return c
	}, text)
}

// A sometimes logs the first line of a cause, and then one a minute that counts the others.
type sometimes struct {
	mu   sync.Mutex
	last map[string]*repeated
}

type repeated struct {
	at   time.Time
	more int // since, that were not logged
}

const (
	repeatedEvery = time.Minute
	maxCauses     = 100 // beyond it they share a line
)

// warn logs a line about a cause, unless one was just logged.
func (s *sometimes) warn(log *slog.Logger, cause, text string, attrs ...any) {
	if more, ok := s.take(cause, time.Now()); ok {
		if more > 0 {
			attrs = append(attrs, "more", more)
		}
		log.Warn(text, attrs...)
	}
}

// take reports whether a line about cause may be logged now, and how many were not since
// the last one.
func (s *sometimes) take(cause string, now time.Time) (more int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]*repeated{}
	}
	if s.last[cause] == nil && len(s.last) >= maxCauses {
		maps.DeleteFunc(s.last, func(_ string, r *repeated) bool { return now.Sub(r.at) >= repeatedEvery })
		if len(s.last) >= maxCauses {
			cause = ""
		}
	}
	r := s.last[cause]
	switch {
	case r == nil:
		s.last[cause] = &repeated{at: now}
		return 0, true
	case now.Sub(r.at) < repeatedEvery:
		r.more++
		return 0, false
	}
	more, r.at, r.more = r.more, now, 0
	return more, true
}

// Fatalf implements server.Logger: the node ends. (nats-server's own logger ends the
// process.) Of an address that cannot be listened on the error is a *net.OpError.
func (l *serverLog) Fatalf(format string, v ...any) {
	err := fmt.Errorf(format, v...)
	for _, one := range v {
		if op, ok := one.(*net.OpError); ok {
			err = op
		}
	}
	select {
	case l.fatal <- err:
	default: // the first one is told
	}
}

// Debugf implements server.Logger.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l *serverLog) Tracef(string, ...any) {}
