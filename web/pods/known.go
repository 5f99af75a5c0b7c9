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

// Set replaces what is known. It returns until when it is, and the names of the pods of
// which something else was known until now.
func (k *Known) Set(pods []stream.Pod, now time.Time) (until time.Time, changed []string) {
	byName := make(map[string]stream.Pod, len(pods))
	for _, p := range pods {
		byName[p.Name] = p
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !now.Before(k.until) {
		k.pods = nil
	}
	for name, p := range byName {
		if k.pods[name] != p {
			changed = append(changed, name)
		}
	}
	for name := range k.pods {
		if _, ok := byName[name]; !ok {
			changed = append(changed, name)
		}
	}
	k.pods, k.until = byName, now.Add(Expiry)
	return k.until, changed
}

// Told reports whether anything is known: somewhere a process tells of the pods.
func (k *Known) Told(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return now.Before(k.until)
}

// Of returns the pod of a broadcaster, or nil if it is not known.
func (k *Known) Of(sender string, now time.Time) *stream.Pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !now.Before(k.until) {
		return nil
	}
	for _, name := range namesOf(sender) {
		if p, ok := k.pods[name]; ok && !p.Share {
			return &p
		}
	}
	if holder, ok := stream.ShareHolder(sender); ok {
		if p, ok := k.pods[holder]; ok && p.Share {
			return &p
		}
	}
	return nil
}

// IsOne reports whether the pod of a broadcaster may be one of those with the names.
func IsOne(sender string, names map[string]bool) bool {
	for _, name := range namesOf(sender) {
		if names[name] {
			return true
		}
	}
	holder, ok := stream.ShareHolder(sender)
	return ok && names[holder]
}

// namesOf returns the names that the pod of a broadcaster may have that runs no share: its
// own, or, of one of several in a pod, its own without the number.
func namesOf(sender string) []string {
	i := strings.LastIndexByte(sender, '-')
	if i < 0 || i+1 == len(sender) || strings.Trim(sender[i+1:], "0123456789") != "" {
		return []string{sender}
	}
	return []string{sender, sender[:i]}
}
