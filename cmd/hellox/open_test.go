package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hellox/cmd/hellox/state"
)

// TestOpenWithoutBrowser: an open that holds its own forward says at once that there is
// no browser, and does not wait for its end to do so.
func TestOpenWithoutBrowser(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		var out, said bytes.Buffer
		sh := shell{in: strings.NewReader(""), out: &out, err: &said, env: func(name string) (string, bool) {
			return filepath.Join(t.TempDir(), "absent"), name == "BROWSER"
		}}
		a := endpoints{Installation: state.Installation{Target: "kind", Profile: "two", Namespace: "press"}, web: "http://127.0.0.1:1", own: own}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		code := report(ctx, &said, a.open(ctx, sh))
		if code != exitMissing || out.String() != a.web+"\n" || ctx.Err() != nil {
			t.Errorf("own %v: exit %d, %q, %v", own, code, out.String(), ctx.Err())
		}
		// The URL of a forward that ends with the command is of no use.
		if usable := strings.Contains(said.String(), "hint: open http"); usable == own || strings.Contains(said.String(), "Enter or Ctrl-C") {
			t.Errorf("own %v: %s", own, said.String())
		}
	}
}
