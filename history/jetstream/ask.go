package jetstream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// What is asked of a stream that has no leader gets no answer, also when it has one a
// moment later. So a question is asked again after answerTimeout, and given up after
// requestTimeout.
const (
	requestTimeout = 5 * time.Second
	answerTimeout  = 2 * time.Second
)

// ask asks until there is an answer, ctx ends or the time for it is over. question may be
// asked again although it was heard.
func ask(ctx context.Context, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for {
		asking, done := context.WithTimeout(ctx, answerTimeout)
		err := question(asking)
		unanswered := asking.Err() != nil
		done()
		if err == nil || !unanswered || ctx.Err() != nil {
			return err
		}
	}
}

// askStream returns what a stream says of itself. It does so by a jetstream.Stream of its
// own: one keeps its last answer, and that of two goroutines races.
func askStream(ctx context.Context, js jetstream.JetStream, name string, o ...jetstream.StreamInfoOpt) (info *jetstream.StreamInfo, err error) {
	err = ask(ctx, func(ctx context.Context) error {
		is, err := js.Stream(ctx, name)
		if err == nil {
			info = is.CachedInfo()
		}
		if err == nil && len(o) > 0 {
			info, err = is.Info(ctx, o...)
		}
		return err
	})
	return info, err
}
