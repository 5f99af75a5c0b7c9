package broker

import (
	"context"
	"log/slog"
)

// A redactingHandler handler lets mochi speak, but not tell what was said to it: it
// logs whole packets, and with them passwords and payloads (server.go:529).
// What mochi calls info is the daily business of a library.
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

// loggable tells whether an attribute is a short fact and not a packet: by its
// kind, so that a new one of mochi's cannot slip through by its name.
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

// Enabled passes errors, and the rest only to who debugs.
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
	var kept []slog.Attr
	for _, a := range attrs {
		if loggable(a) {
			kept = append(kept, a)
		}
	}
	return redactingHandler{q.Handler.WithAttrs(kept)}
}

func (q redactingHandler) WithGroup(name string) slog.Handler {
	return redactingHandler{q.Handler.WithGroup(name)}
}
