package broker

import (
	"context"
	"log/slog"
)

// A redactingHandler removes packets from mochi's log records: mochi logs whole
// packets, and with them passwords and payloads (server.go:529). It also lowers
// their level to debug, unless they are errors.
type redactingHandler struct{ slog.Handler }

func (q redactingHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, demote(r.Level), r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if loggable(a) {
			clean.AddAttrs(a)
		}
		return true
	})
	return q.Handler.Handle(ctx, clean)
}

// loggable reports whether an attribute is a short fact and not a packet. It goes
// by the kind, so that a new attribute of mochi's cannot pass by its name.
func loggable(a slog.Attr) bool {
	switch a.Value.Kind() {
	case slog.KindInt64, slog.KindUint64, slog.KindBool, slog.KindDuration, slog.KindTime:
		return true
	case slog.KindString:
		return a.Key != "payload" && a.Key != "password"
	}
	_, isError := a.Value.Any().(error)
	return isError
}

// Enabled reports whether a record is logged after its level is lowered.
func (q redactingHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, demote(level))
}

func demote(level slog.Level) slog.Level {
	if level < slog.LevelError {
		return slog.LevelDebug
	}
	return level
}

func (q redactingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var clean []slog.Attr
	for _, a := range attrs {
		if loggable(a) {
			clean = append(clean, a)
		}
	}
	return redactingHandler{q.Handler.WithAttrs(clean)}
}

func (q redactingHandler) WithGroup(name string) slog.Handler {
	return redactingHandler{q.Handler.WithGroup(name)}
}
