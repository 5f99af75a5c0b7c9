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

// addBoot returns the boot that m is of, a new one if it is not known. A sender
// that starts again and again has only its last few.
func addBoot(boots *[]*Boot, m *stream.Message, limit int) *Boot {
	if b := findBoot(*boots, m.Boot); b != nil {
		return b
	}
	if n := len(*boots); n >= limit {
		*boots = slices.Delete(*boots, 0, n-limit+1)
	}
	b := &Boot{Boot: m.Boot, Topic: m.Topic}
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
	return a.anyBoot(m.Boot, func(b *Boot) bool { return b.has(m.Seq) })
}

// elsewhere reports whether the messages of a boot came on another topic than this
// one. Who may write a topic may write any payload to it: one that repeats a boot's
// name is a copy or a forgery, and must take none of its numbers.
func (a *SenderState) elsewhere(boot, topic string) bool {
	return a.anyBoot(boot, func(b *Boot) bool { return b.Topic != "" && b.Topic != topic })
}

// anyBoot reports whether f holds of what is known of a boot.
func (a *SenderState) anyBoot(name string, f func(*Boot) bool) bool {
	for _, boots := range [][]*Boot{a.Boots, a.Retained} {
		if b := findBoot(boots, name); b != nil && f(b) {
			return true
		}
	}
	return false
}
