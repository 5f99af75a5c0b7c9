package install

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hellox/bootstrap/install/cause"
)

type heard struct{ lines []string }

func (h *heard) Failing(pod, why string) { h.lines = append(h.lines, pod+": "+why) }
func (h *heard) Well(pod string, after time.Duration) {
	h.lines = append(h.lines, fmt.Sprintf("%s well after %s", pod, after))
}

// TestFollower tells a pod that fails once, in all phases of a cause, and that it is
// well when it is ready.
func TestFollower(t *testing.T) {
	pod := func(ready corev1.ConditionStatus) view {
		return view{pods: []*corev1.Pod{{
			ObjectMeta: metav1.ObjectMeta{Name: "broker-0"},
			Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
		}}}
	}
	failing := func(c cause.Cause) view {
		c.Pod = "broker-0"
		v := pod(corev1.ConditionFalse)
		v.causes = []*cause.Cause{&c}
		return v
	}
	crash := func(reason string) view {
		return failing(cause.Cause{Reason: reason, Text: "it ended", Crashed: true})
	}
	var got heard
	f := follower{to: &got, since: map[string]time.Time{}, told: map[string]telling{}}
	at := time.Unix(0, 0)
	for _, step := range []struct {
		after time.Duration
		now   view
	}{
		{0, pod(corev1.ConditionTrue)},
		{0, crash("Error")},                                         // for a moment
		{100 * time.Millisecond, pod(corev1.ConditionTrue)},         // no word
		{0, crash("Error")},                                         // again,
		{time.Second, crash("CrashLoopBackOff")},                    // and it lasts
		{time.Second, crash("Error")},                               // the same
		{time.Second, pod(corev1.ConditionFalse)},                   // it starts
		{time.Second, failing(cause.Cause{Text: "…", Early: true})}, // and starts
		{time.Second, pod(corev1.ConditionTrue)},
		{time.Second, pod(corev1.ConditionTrue)},
	} {
		at = at.Add(step.after)
		f.tell(step.now, at)
	}
	if want := []string{"broker-0: it ended", "broker-0 well after 5s"}; !slices.Equal(got.lines, want) {
		t.Errorf("%q, want %q", got.lines, want)
	}
}
