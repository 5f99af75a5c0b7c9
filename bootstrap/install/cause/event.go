package cause

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// An Event is what a component of Kubernetes tells of an object.
type Event struct {
	Kind, Name string
	UID        types.UID // of the object
	Container  string    // of a pod, if it is about one
	Reason     string
	Message    string
	Count      int
	Last       time.Time
}

// EventOf reads an event. Old components write lastTimestamp and count, newer ones
// eventTime and series.
func EventOf(u *unstructured.Unstructured) Event {
	text := func(path ...string) string {
		s, _, _ := unstructured.NestedString(u.Object, path...)
		return s
	}
	e := Event{
		Kind: text("involvedObject", "kind"), Name: text("involvedObject", "name"), UID: types.UID(text("involvedObject", "uid")),
		Reason: text("reason"), Message: text("message"), Count: 1,
	}
	if _, after, ok := strings.Cut(text("involvedObject", "fieldPath"), "{"); ok { // spec.containers{broker}
		e.Container = strings.TrimSuffix(after, "}")
	}
	for _, path := range [][]string{{"count"}, {"series", "count"}} {
		if n, ok, _ := unstructured.NestedInt64(u.Object, path...); ok && n > 0 {
			e.Count = int(n)
		}
	}
	for _, path := range [][]string{{"eventTime"}, {"lastTimestamp"}, {"series", "lastObservedTime"}} {
		if at, err := time.Parse(time.RFC3339Nano, text(path...)); err == nil && at.After(e.Last) {
			e.Last = at
		}
	}
	return e
}

// newest returns the last event for which is is true.
func newest(events []Event, is func(Event) bool) (Event, bool) {
	fitting := slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return !is(e) })
	if len(fitting) == 0 {
		return Event{}, false
	}
	return slices.MaxFunc(fitting, func(a, b Event) int { return cmp.Compare(a.Last.UnixNano(), b.Last.UnixNano()) }), true
}
