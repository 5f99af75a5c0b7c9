package track

import (
	"slices"
	"time"
)

// A SenderState is what a Tracker remembers of one sender. It is exported for
// stores to keep: it survives encoding/json.
type SenderState struct {
	Sender string `json:"sender"`
	Counters
	LastLive     time.Time `json:"last_live,omitzero"` // Received of the newest message that was not a retained one
	Boots        []*Boot   `json:"boots,omitempty"`    // in the order of their first message
	LastPayload  Digest    `json:"last_payload,omitzero"`
	LastRetained Digest    `json:"last_retained,omitzero"`

	changed bool
}

// boot returns the boot of that name, a new one if it is not known. A sender
// that starts again and again has only its last few.
func (a *SenderState) boot(name string, limit int) *Boot {
	for i := len(a.Boots) - 1; i >= 0; i-- {
		if a.Boots[i].Boot == name {
			return a.Boots[i]
		}
	}
	if len(a.Boots) >= limit {
		a.Boots = slices.Delete(a.Boots, 0, len(a.Boots)-limit+1)
	}
	b := &Boot{Boot: name}
	a.Boots = append(a.Boots, b)
	return b
}
