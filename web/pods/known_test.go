package pods_test

import (
	"slices"
	"testing"
	"time"

	"hellox/stream"
	"hellox/web/pods"
)

// TestKnown finds a broadcaster's pod by its name, also one of several in a pod, until
// what was told expires.
func TestKnown(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	var k pods.Known
	if k.Of("broadcast-0", now) != nil {
		t.Error("nothing was told, and something is known")
	}
	until, changed := k.Set([]stream.Pod{{Name: "broadcast-0", Phase: "Running"}, {Name: "broadcast-1", Phase: "Failed", Reason: "Evicted"}}, now)
	if len(changed) != 2 {
		t.Errorf("changed: %q", changed)
	}
	if until != now.Add(pods.Expiry) {
		t.Errorf("known until %s", until)
	}
	for sender, want := range map[string]string{
		"broadcast-0": "broadcast-0", "broadcast-1": "broadcast-1", "broadcast-1-7": "broadcast-1",
		"broadcast-2": "", "broadcast-1-x": "", "broadcast-1-": "", "broadcast": "", "": "",
	} {
		name := ""
		if p := k.Of(sender, now.Add(pods.Expiry-1)); p != nil {
			name = p.Name
		}
		if name != want {
			t.Errorf("the pod of %q is %q, want %q", sender, name, want)
		}
	}
	if p := k.Of("broadcast-0", until); p != nil {
		t.Errorf("after it expired there is %+v", p)
	}
	same := []stream.Pod{{Name: "broadcast-0", Phase: "Running"}, {Name: "broadcast-1", Phase: "Running"}}
	if _, changed := k.Set(same, now); !slices.Equal(changed, []string{"broadcast-1"}) {
		t.Errorf("one was evicted and runs again, and changed are %q", changed)
	}
	if _, changed := k.Set(same[:1], now); !slices.Equal(changed, []string{"broadcast-1"}) {
		t.Errorf("one is gone, and changed are %q", changed)
	}
	if _, changed := k.Set(same[:1], now.Add(2*pods.Expiry)); !slices.Equal(changed, []string{"broadcast-0"}) {
		t.Errorf("one is known again, and changed are %q", changed)
	}
	k.Set(nil, now)
	if p := k.Of("broadcast-0", now); p != nil {
		t.Errorf("told that there is none, and there is %+v", p)
	}
}

// TestKnownShare finds the pod that has a broadcaster in its share, and not the one whose
// name it has.
func TestKnownShare(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	var k pods.Known
	_, changed := k.Set([]stream.Pod{{Name: "broadcast-0", Phase: "Running", Share: true}, {Name: "broadcast-1", Phase: "Failed", Share: true}, {Name: "press-0", Phase: "Running"}}, now)
	if len(changed) != 3 {
		t.Errorf("changed: %q", changed)
	}
	for sender, want := range map[string]string{
		"broadcast-0": "broadcast-0", "broadcast-1": "broadcast-0", "broadcast-499": "broadcast-0", "broadcast-500": "broadcast-1",
		"broadcast-1000": "", "broadcast-1-7": "", "press-0": "press-0", "press-7": "", "press-0-7": "press-0",
	} {
		name := ""
		if p := k.Of(sender, now); p != nil {
			name = p.Name
		}
		if name != want {
			t.Errorf("the pod of %q is %q, want %q", sender, name, want)
		}
		if want != "" && !pods.IsOne(sender, map[string]bool{want: true}) {
			t.Errorf("a change of %s is none of %s", want, sender)
		}
	}
}
