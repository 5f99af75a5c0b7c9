package opening_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hellox/cmd/hellox/opening"
)

// TestOpen opens at the hundredth attempt: meanwhile Why and Ready say the cause, and the
// log says it at once and each minute.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := opening.New("the history")
		if sentence, hint := w.Why(); sentence != "the history is being opened" || hint != "" || w.Ready() == nil {
			t.Errorf("before: %q %q %v", sentence, hint, w.Ready())
		}
		attempts := 0
		err := w.Open(t.Context(), opening.Attempt{
			Open: func(context.Context) error {
				if attempts > 0 && (w.Ready() == nil || !strings.HasSuffix(w.Ready().Error(), "cannot be opened yet: no answer; wait")) {
					t.Errorf("attempt %d: %v", attempts, w.Ready())
				}
				if attempts++; attempts < 100 {
					return errors.New("no answer")
				}
				return nil
			},
			Heals: func(error) (string, bool) { return "wait", true },
		}, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil || w.Ready() != nil || attempts != 100 {
			t.Errorf("%v, %v, %d attempts", err, w.Ready(), attempts)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 2 || strings.Count(log.String(), "hint=wait") != 2 || !strings.Contains(log.String(), "the history is open") {
			t.Errorf("%d warnings in 99 s:\n%s", n, log.String())
		}
	})
}

// TestOpenEnds holds that an error that does not heal is returned, and the end of ctx.
func TestOpenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, final := slog.New(slog.DiscardHandler), errors.New("not a history")
		a := opening.Attempt{Open: func(context.Context) error { return final }, Heals: func(error) (string, bool) { return "", false }}
		if err := opening.New("x").Open(t.Context(), a, log); !errors.Is(err, final) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		a.Heals = func(error) (string, bool) { return "", true }
		if err := opening.New("x").Open(ctx, a, log); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}
