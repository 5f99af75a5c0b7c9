package track

import (
	"slices"

	"hellox/stream"
)

// A SenderState is what a Tracker remembers of one sender. It is exported for
// stores to keep: it survives encoding/json.
type SenderState struct {
	Sender string `json:"sender"`
	Counters
	Boots       []*Boot `json:"boots,omitempty"`       // in the order of their first message
	Retained    []*Boot `json:"retained,omitempty"`    // what was stored of retained messages of ours
	LastPayload Digest  `json:"last_payload,omitzero"` // the newest on the topic, unless it is ours

	changed bool
}

// findBoot returns the boot of that name, or nil.
func findBoot(boots []*Boot, name string) *Boot {
	for i := len(boots) - 1; i >= 0; i-- {
		if boots[i].Boot == name {
			return boots[i]
		}
	}
	return nil
}

// addBoot returns the boot of that name, a new one if it is not known. A sender
// that starts again and again has only its last few.
func addBoot(boots *[]*Boot, name string, limit int) *Boot {
	if b := findBoot(*boots, name); b != nil {
		return b
	}
	if n := len(*boots); n >= limit {
		*boots = slices.Delete(*boots, 0, n-limit+1)
	}
	b := &Boot{Boot: name}
	*boots = append(*boots, b)
	return b
}

// knows reports whether a retained message is no news: of ours the same one was
// stored before, of others it equals the newest payload of its topic. A broker
// sends its retained messages again at every new subscription.
func (a *SenderState) knows(m *stream.Message) bool {
	if !m.Ours {
		return a.LastPayload == payloadDigest(m.Payload)
	}
	for _, boots := range [][]*Boot{a.Boots, a.Retained} {
		if b := findBoot(boots, m.Boot); b != nil && b.has(m.Seq) {
			return true
		}
	}
	return false
}
