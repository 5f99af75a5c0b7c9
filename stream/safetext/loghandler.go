package safetext

import (
	"context"
	"fmt"
	"log/slog"
)

// LogHandler passes records on to next with every text in them cleaned, so
// that a log line shows what came from the network and a terminal executes none of it.
// The handlers of log/slog pass C1 controls, DEL and bidi characters raw.
func LogHandler(next slog.Handler) slog.Handler { return logHandler{next} }

type logHandler struct{ next slog.Handler }

func (h logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	cleaned := slog.NewRecord(r.Time, r.Level, Clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		cleaned.AddAttrs(cleanAttr(a))
		return true
	})
	return h.next.Handle(ctx, cleaned)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.next.WithAttrs(cleanAttrs(attrs))}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.next.WithGroup(Clean(name))}
}

func cleanAttrs(attrs []slog.Attr) []slog.Attr {
	cleaned := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		cleaned[i] = cleanAttr(a)
	}
	return cleaned
}

func cleanAttr(a slog.Attr) slog.Attr {
	return slog.Attr{Key: Clean(a.Key), Value: cleanValue(a.Value.Resolve())}
}

// cleanValue keeps numbers, times and groups as they are. A value of any other
// type is turned into text here: how next would print its inner strings is
// not known here.
func cleanValue(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(Clean(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(cleanAttrs(v.Group())...)
	case slog.KindAny:
		switch x := v.Any().(type) {
		case nil:
			return v
		case []byte:
			return slog.StringValue(Clean(x))
		case []string:
			cleaned := make([]string, len(x))
			for i, s := range x {
				cleaned[i] = Clean(s)
			}
			return slog.AnyValue(cleaned)
		default:
			return slog.StringValue(Clean(fmt.Sprint(x)))
		}
	default:
		return v
	}
}
