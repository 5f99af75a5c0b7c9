package bootstrap

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// TestSameSize refuses a broker of another number of nodes than the one that is there.
func TestSameSize(t *testing.T) {
	inst, err := install.New(kube.Config{Config: &rest.Config{Host: "http://127.0.0.1:1"}}, "press")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		is, asked int
		want      string // of the sentence; "": it is allowed
	}{
		{0, 0, ""}, {0, 1, ""}, {0, 3, ""}, {1, 0, ""}, {1, 1, ""}, {3, 0, ""}, {3, 3, ""},
		{1, 3, "the broker in namespace press is of one node, and its data cannot be moved to three nodes"},
		{3, 1, "the broker in namespace press is of three nodes, and its data cannot be moved to one node"},
	} {
		up := &upRun{options: UpOptions{Namespace: "press"}, inst: inst, size: c.is}
		err := up.sameSize(c.asked)
		if c.want == "" {
			if err != nil {
				t.Errorf("%d over %d: %v", c.asked, c.is, err)
			}
			continue
		}
		e, ok := errors.AsType[*step.Error](err)
		if !ok || e.Kind != step.Ambiguous || e.Sentence != c.want || !strings.Contains(e.Hint, "hellox down") || !strings.Contains(e.Hint, "--namespace hellox-") {
			t.Errorf("%d over %d: %#v", c.asked, c.is, err)
		}
	}
}
