package carry

import (
	"context"
	"errors"
	"fmt"

	natsgo "github.com/nats-io/nats.go"

	"hellox/history"
	"hellox/history/jetstream"
	"hellox/history/sqlite"
)

// An Opener says where a history is.
type Opener struct {
	SQLite string       // path of the file; "": in NATS
	Conn   *natsgo.Conn // to NATS
	Topics []string     // MQTT topic filters of what a source in NATS takes from the broker's stream before; none: all
	Keep   int64        // bytes of a target in NATS, which evicts the oldest messages beyond it; 0: no bound
}

func (o Opener) source(ctx context.Context) (Source, error) {
	if o.SQLite != "" {
		return sqlite.OpenSource(ctx, o.SQLite)
	}
	return jetstream.OpenSource(ctx, o.Conn, jetstream.Options{Topics: o.Topics})
}

func (o Opener) target(ctx context.Context, p *Plan) (Target, error) {
	if o.SQLite != "" {
		return sqlite.Import(ctx, o.SQLite, p.Source)
	}
	p.Evicts = o.Keep > 0
	return jetstream.Import(ctx, o.Conn, jetstream.Options{Keep: o.Keep}, p.First, p.Source)
}

// Run copies one history, which has a name, to the other, and compares them. It tells of
// the steps and how they end.
func Run(ctx context.Context, from, to Opener, name string, begin func(step string), progress Progress, done func(text string, unchanged bool)) (r *Result, err error) {
	begin("open")
	source, err := from.source(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	plan, err := Prepare(ctx, source, name)
	if err != nil {
		return nil, err
	}
	target, err := to.target(ctx, plan)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	text := fmt.Sprintf("opened: %d messages", plan.messages())
	if last := target.Last(); last >= plan.First {
		text = fmt.Sprintf("opened: it goes on after message %d", last)
	}
	if target.Done() {
		text = "opened: all was copied before, and is only compared"
	}
	done(text, false)
	if !target.Done() {
		begin("copy")
		if err := plan.Copy(ctx, source, target, progress); err != nil {
			return nil, err
		}
		done("copied", false)
	}
	begin("compare")
	if r, err = plan.Verify(ctx, source, target, progress); err != nil {
		if target.Done() && errors.Is(err, ErrDiffers) { // it has been used since
			err = history.ErrNotEmpty
		}
		return nil, err
	}
	text = "compared: they are equal"
	if r.Evicted > 0 {
		text += fmt.Sprintf(", without the oldest, IDs %d to %d, for which there is no room", plan.First, r.First-1)
	}
	if r.Damaged > 0 {
		text += fmt.Sprintf(", without the %d messages that are damaged on the disk", r.Damaged)
	}
	done(text, false)
	return r, nil
}
