package broadcast

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A shortfall knows which broadcasters of a fleet have no connection, and why. Its zero
// value is one of none.
type shortfall struct {
	mu     sync.Mutex
	causes map[string]string // by broadcaster
	looks  int               // one after the other at which there was one
}

// A fleet looks so often whether all are connected. It logs what it sees at the second
// look, since at a start or after a restart of the broker some always lack, and while it
// stays so at every sixth after that.
const (
	lookEvery   = 10 * time.Second
	firstTold   = 2
	toldEvery   = 6
	namedAtMost = 3 // broadcasters, and causes
)

// set notes why a broadcaster has no connection; "" if it has one, or has ended.
func (s *shortfall) set(id, cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cause == "" {
		delete(s.causes, id)
		return
	}
	if s.causes == nil {
		s.causes = map[string]string{}
	}
	s.causes[id] = cause
}

// look returns the first broadcasters without a connection, and why there are such, if it
// is time to tell that.
func (s *shortfall) look() (ids, why string, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.causes) == 0 {
		s.looks = 0
		return "", "", false
	}
	s.looks++
	if s.looks < firstTold || (s.looks-firstTold)%toldEvery != 0 {
		return "", "", false
	}
	counts := map[string]int{}
	for _, cause := range s.causes {
		counts[cause]++
	}
	causes := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for i, cause := range causes {
		if len(causes) > 1 {
			causes[i] = fmt.Sprintf("%s (%d)", cause, counts[cause])
		}
	}
	return first(slices.Sorted(maps.Keys(s.causes)), ", "), first(causes, "; "), true
}

// first joins the first of all, and says how many there are besides.
func first(all []string, separator string) string {
	text := strings.Join(all[:min(namedAtMost, len(all))], separator)
	if more := len(all) - namedAtMost; more > 0 {
		text += fmt.Sprintf("%sand %d more", separator, more)
	}
	return text
}

// lookOn looks until ctx ends.
func (f *fleet) lookOn(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.look()
		case <-ctx.Done():
			return
		}
	}
}

// look logs that some of very many have no connection, and why.
func (f *fleet) look() {
	size := int(f.size.Load())
	if size <= loggedEach {
		return
	}
	ids, why, tell := f.shortfall.look()
	if !tell {
		return
	}
	f.mu.Lock()
	connected := f.connected
	f.mu.Unlock()
	f.Log.Warn("some broadcasters are not connected", "connected", connected, "of", size, "broker", f.Broker, "without", ids, "cause", why)
}
