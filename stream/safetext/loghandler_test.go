package safetext

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

type evilValuer struct{}

func (evilValuer) LogValue() slog.Value { return slog.StringValue("valuer" + evil) }

type evilStruct struct{ Name string }

const evil = "\x1b]0;x\a\u009b31m\u202e\x7f\u2028\n"

func TestLogHandler(t *testing.T) {
	for name, make := range map[string]func(*bytes.Buffer) slog.Handler{
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			log := slog.New(LogHandler(make(&b)))
			log.With("with"+evil, evil).WithGroup("group"+evil).Error("message"+evil,
				"key"+evil, evil,
				"error", errors.New("error"+evil),
				"bytes", []byte("bytes"+evil),
				"strings", []string{"strings" + evil},
				"struct", evilStruct{"struct" + evil},
				"valuer", evilValuer{},
				slog.Group("inner"+evil, "in", "in"+evil),
				"number", 42, "nil", nil)
			log.Debug("not shown")
			line := b.String()
			if !strings.HasSuffix(line, "\n") || strings.Count(line, "\n") != 1 {
				t.Errorf("not one line: %q", line)
			}
			checkTerminalSafe(t, []byte(strings.TrimSuffix(line, "\n")))
			for _, word := range []string{"message", "with", "group", "key", "error", "bytes", "strings", "struct", "valuer", "inner", "in", "42"} {
				if !strings.Contains(line, word) {
					t.Errorf("%s is not in %s", word, line)
				}
			}
		})
	}
}

// checkTerminalSafe holds that a terminal shows b and obeys nothing in it.
func checkTerminalSafe(t interface{ Fatalf(string, ...any) }, b []byte) {
	for _, r := range string(b) {
		if !Visible(r) {
			t.Fatalf("%q has %U", b, r)
		}
	}
}
