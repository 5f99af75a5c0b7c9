package pods

import (
	"strings"
	"sync"
	"time"

	"hellox/stream"
)

// Expiry is how long what was told is true. The holder tells it again three times as
// often.
const Expiry = 30 * time.Second

// Known is what is known of the pods. The zero value knows none.
type Known struct {
	mu    sync.Mutex
	pods  map[string]stream.Pod // by name
	until time.Time
}

// Set replaces what is known, and returns until when it is.
func (k *Known) Set(pods []stream.Pod, now time.Time) (until time.Time) {
	byName := make(map[string]stream.Pod, len(pods))
	for _, p := range pods {
		byName[p.Name] = p
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pods, k.until = byName, now.Add(Expiry)
	return k.until
}

// Told reports whether anything is known: somewhere a process tells of the pods.
func (k *Known) Told(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return now.Before(k.until)
}

// Of returns the pod of a broadcaster, or nil if it is not known. A broadcaster is
// named after its pod; one of several in a pod has a number after that.
func (k *Known) Of(sender string, now time.Time) *stream.Pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !now.Before(k.until) {
		return nil
	}
	if p, ok := k.pods[sender]; ok {
		return &p
	}
	i := strings.LastIndexByte(sender, '-')
	if i < 0 || i+1 == len(sender) || strings.Trim(sender[i+1:], "0123456789") != "" {
		return nil
	}
	if p, ok := k.pods[sender[:i]]; ok {
		return &p
	}
	return nil
}
