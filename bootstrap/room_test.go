package bootstrap

import (
	"errors"
	"strings"
	"testing"

	"hellox/bootstrap/step"
)

// TestNoRoom refuses a number for which pods or memory do not suffice, and says which one
// there is room for.
func TestNoRoom(t *testing.T) {
	const mi = 1 << 20
	for _, test := range []struct {
		n, pods int
		memory  int64
		most    string // "": there is room
	}{
		{n: 0},
		{n: 3, pods: 3, memory: 96 * mi},
		{n: 4, pods: 3, memory: 960 * mi, most: "take 3,"},
		{n: 3, pods: 3, memory: 95 * mi, most: "take 2,"},
		{n: 10_000, pods: 20, memory: 3000 * mi},
		{n: 10_000, pods: 19, memory: 3000 * mi, most: "take 9500,"},
		{n: 10_000, pods: 20, memory: 142 * mi, most: "take 501,"},
		{n: 10_000, pods: -1, memory: -1, most: "give the cluster"},
	} {
		err := noRoom(test.n, test.pods, test.memory)
		if (err == nil) != (test.most == "") {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		if e, ok := errors.AsType[*step.Error](err); err != nil && (!ok || e.Kind != step.Missing || !strings.HasPrefix(e.Hint, test.most)) {
			t.Errorf("%+v: %v, hint %q", test, err, e.Hint)
		}
	}
}
