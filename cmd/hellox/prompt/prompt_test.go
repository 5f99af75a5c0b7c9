package prompt

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestEnded holds that reads of a stdin on which nothing comes end with the context.
func TestEnded(t *testing.T) {
	reads := map[string]func(context.Context, io.Reader) error{
		"All":  func(ctx context.Context, in io.Reader) error { _, err := All(ctx, in); return err },
		"Line": func(ctx context.Context, in io.Reader) error { _, err := Line(ctx, in); return err },
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			in, out := io.Pipe()
			defer out.Close()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- read(ctx, in) }()
			cancel()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%v, want %v", err, context.Canceled)
				}
			case <-time.After(time.Minute): // for a busy machine
				t.Error("it has not ended")
			}
		})
	}
}

func TestReads(t *testing.T) {
	if line, err := Line(t.Context(), strings.NewReader("yes\r\nno\n")); line != "yes" || err != nil {
		t.Errorf("Line: %q, %v", line, err)
	}
	if _, err := Line(t.Context(), strings.NewReader("")); !errors.Is(err, io.EOF) {
		t.Errorf("Line of nothing: %v", err)
	}
	if all, err := All(t.Context(), strings.NewReader("a\nb")); string(all) != "a\nb" || err != nil {
		t.Errorf("All: %q, %v", all, err)
	}
}
