package remote

// Retained is the answer of GET /api/retained.
type Retained struct {
	Messages []RetainedMessage `json:"messages"`       // by topic
	More     bool              `json:"more,omitempty"` // there are others
}

// A RetainedMessage is what the broker retains on a topic, with the beginning of its
// payload.
type RetainedMessage struct {
	Topic   string  `json:"topic"`
	QoS     byte    `json:"qos"`
	Payload *string `json:"payload,omitempty"`
	Base64  []byte  `json:"payload_base64,omitempty"` // instead, when it is not UTF-8
	Bytes   int     `json:"bytes"`                    // of the whole payload
}
