package rounds

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/bootstrap"
	"hellox/bootstrap/install"
	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
)

// silence is how long a round waits for a message once all is rolled out: longer than
// the interval of a hellox broadcaster. A program may also publish nothing.
const silence = 15 * time.Second

var errSilent = errors.New("no message of its pods within 15 s")

// pods are the names of an installation's pods, and whether some are ending.
type pods struct {
	names  map[string]bool
	ending bool
}

func podsOf(ctx context.Context, up bootstrap.UpOptions) (pods, error) {
	status, err := install.ReadStatus(ctx, up.Cluster.REST, up.Namespace)
	if err != nil {
		return pods{}, err
	}
	p := pods{names: make(map[string]bool)}
	for _, role := range status.Roles {
		for _, pod := range role.Pods {
			p.names[pod.Name] = true
			p.ending = p.ending || pod.State == "ending"
		}
	}
	return p, nil
}

// A search looks for the first message of a pod that was not there before a change.
type search struct {
	since    time.Time // the change
	before   pods
	now      pods
	replaced time.Time // when no pod that was there before was ending any more
}

// firstMessage returns the sender of the first message of a new pod.
func (l *Loop) firstMessage(ctx context.Context, up bootstrap.UpOptions, before pods, since time.Time) (sender string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, silence, errSilent)
	defer cancel()
	s := &search{since: since, before: before}
	var client *remote.Client
	defer func() {
		if client != nil {
			_ = client.Close()
		}
	}()
	query := history.Query{FromStart: true, Since: since, Limit: 1000}
	for {
		if s.replaced.IsZero() {
			if s.now, err = podsOf(ctx, up); err == nil && !s.now.ending {
				s.replaced = time.Now()
			}
		}
		if client == nil {
			client, _ = remote.Open(ctx, l.Page) // the receiver may be a new one, too
		}
		if client != nil {
			page, err := client.Messages(ctx, query)
			if err != nil {
				_ = client.Close()
				client = nil
			}
			for _, m := range page.Messages {
				if s.finds(m) {
					return m.Sender, nil
				}
				query.After = m.ID
			}
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// finds reports whether a new pod published m. A hellox broadcaster tells when it
// started. Another program may publish under its pod's name; else a message counts
// that came once the pods from before were gone, if no pod that stayed has its name.
func (s *search) finds(m stream.Message) bool {
	switch {
	case m.Retained:
		return false
	case m.Boot != "":
		started, err := ulid.ParseStrict(m.Boot)
		return err == nil && ulid.Time(started.Time()).After(s.since)
	case s.now.names[m.Sender]:
		return !s.before.names[m.Sender]
	}
	return !s.replaced.IsZero() && !m.Received.Before(s.replaced)
}
