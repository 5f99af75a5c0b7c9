package mqtt

import (
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"hellox/stream"
)

// TestLinkOfAStart: that the broker is not there yet when a client starts is no warning, as
// long as it may be starting too; what the client has to do about is one at once.
func TestLinkOfAStart(t *testing.T) {
	unreached := &ConnectError{Cause: "nothing listens there", hint: "start the broker there", kind: ErrUnreachable, err: syscall.ECONNREFUSED}
	denied := &ConnectError{Cause: "the broker does not let this user in", hint: "give another", kind: ErrDenied}
	const (
		early   = `level=INFO msg="the broker is not reached yet: trying again" cause="nothing listens there"`
		late    = `level=WARN msg="no connection to the broker" cause="nothing listens there" hint="start the broker there"`
		refused = `level=WARN msg="no connection to the broker" cause="the broker does not let this user in" hint="give another"`
	)
	now := time.Unix(0, 0)
	for name, c := range map[string]struct {
		play func(l *links)
		want []string
	}{
		"a broker that starts too": {func(l *links) {
			for range 3 {
				l.retrying(time.Second, unreached)
			}
		}, []string{early}},
		"one that does not come": {func(l *links) {
			l.retrying(time.Second, unreached)
			now = now.Add(startsFor)
			l.retrying(time.Second, unreached)
			l.retrying(time.Second, unreached)
		}, []string{early, late}},
		"one that went": {func(l *links) {
			l.change(stream.Link{State: stream.Connected})
			l.retrying(time.Second, unreached)
		}, []string{late}},
		"one that refuses": {func(l *links) { l.retrying(time.Second, denied) }, []string{refused}},
	} {
		var said strings.Builder
		handler := slog.NewTextHandler(&said, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
		l := &links{now: func() time.Time { return now }, log: slog.New(handler)}
		l.change(stream.Link{State: stream.Connecting})
		c.play(l)
		var got []string
		for line := range strings.Lines(said.String()) {
			if !strings.Contains(line, "msg=broker link=") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: the log says\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
