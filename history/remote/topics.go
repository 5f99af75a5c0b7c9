package remote

import "hellox/stream"

// MaxTopics bounds limit of GET /api/topics.
const MaxTopics = 2000

// Topics is the answer of GET /api/topics.
type Topics struct {
	Topics []Topic `json:"topics"`
	Next   string  `json:"next,omitempty"` // where to go on: after this topic; "": at the end
	Total  int     `json:"total"`          // topics of which messages are stored
}

// A Topic is what the history holds of one topic, and the beginning of its newest
// payload.
type Topic struct {
	Topic    string      `json:"topic"`
	Messages uint64      `json:"messages"` // stored, as long as one of them is
	LastID   int64       `json:"last_id"`
	Rate     *float64    `json:"rate_1m,omitempty"` // messages a second over about the last minute; nil: not known yet
	Received stream.Time `json:"received,omitzero"`
	Retained bool        `json:"retained,omitempty"`
	Text     string      `json:"text,omitempty"` // of a hellox message
	Payload  *string     `json:"payload,omitempty"`
	Base64   []byte      `json:"payload_base64,omitempty"` // instead, when it is not UTF-8
	Bytes    int         `json:"bytes"`                    // of the whole payload
}
