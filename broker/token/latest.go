package token

import (
	"sync"
	"time"
)

// A latest knows for each name of a broadcaster's pod the one that has it now: a pod of
// a StatefulSet comes back under its name, and is who it was to the broker. The cluster
// is not asked whether a pod is gone; but the one that follows it has tokens that were
// issued later, as two pods never have one name at a time. From then on those of before
// are worth nothing. Its zero value is empty.
type latest struct {
	mu   sync.Mutex
	pods map[string]issued
}

// An issued is a pod, and when the newest of its tokens was issued that the broker has
// seen.
type issued struct {
	uid string
	at  time.Time
}

// Names are forgotten that were not seen for a day, when there are very many: no token
// of a pod is valid as long.
const (
	manyPods = 10_000
	forget   = 24 * time.Hour
)

// is reports whether the pod of a token has its name now, and notes that it does.
func (l *latest) is(c Claims) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, known := l.pods[c.Pod]
	switch {
	case known && before.uid != c.PodUID && c.Issued.Before(before.at):
		return false
	case known && before.uid == c.PodUID && !c.Issued.After(before.at):
		return true
	}
	if l.pods == nil {
		l.pods = map[string]issued{}
	}
	if !known && len(l.pods) >= manyPods {
		for name, p := range l.pods {
			if p.at.Before(c.Issued.Add(-forget)) {
				delete(l.pods, name)
			}
		}
	}
	l.pods[c.Pod] = issued{c.PodUID, c.Issued}
	return true
}
