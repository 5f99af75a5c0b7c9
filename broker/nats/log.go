package nats

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
)

// A serverLog passes what nats-server says on to a log. Its debug and trace lines are
// never asked for.
type serverLog struct {
	log   *slog.Logger
	fatal chan<- error // takes one
}

// Noticef implements server.Logger: what is usual is at the level of debug, as hellox
// says itself what an operator needs.
func (l serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Warnf implements server.Logger.
func (l serverLog) Warnf(format string, v ...any) { l.warn(fmt.Sprintf(format, v...)) }

// Errorf implements server.Logger. Most of its errors are those of one client.
func (l serverLog) Errorf(format string, v ...any) { l.warn(fmt.Sprintf(format, v...)) }

func (l serverLog) warn(text string) {
	if strings.Contains(text, `Unknown account "`+calloutAccount) {
		return // of another node, which is as it should be
	}
	l.log.Warn(text)
}

// Fatalf implements server.Logger: the node ends. (nats-server's own logger ends the
// process.) Of an address that cannot be listened on the error is a *net.OpError.
func (l serverLog) Fatalf(format string, v ...any) {
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
func (l serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l serverLog) Tracef(string, ...any) {}
