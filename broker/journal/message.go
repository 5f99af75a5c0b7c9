package journal

// A Message is one PUBLISH on its way through the broker. It is immutable,
// except for Seq, which Append sets before any consumer sees the message.
type Message struct {
	Topic   string
	Payload []byte
	// Props are the MQTT 5 properties that are forwarded, encoded, without
	// their length, the expiry and subscription identifiers.
	Props  []byte
	Origin string // client id of the publisher, for No Local
	Owner  string // of a retained message: the identity of its publisher, if it has one
	Expiry int64  // Unix seconds; 0: never
	QoS    byte   // as published
	Retain bool   // as published
	Seq    uint64 // its sequence number in the journal, or 0
}

// overhead is what a message takes in memory beside its bytes: the structs that
// refer to it.
const overhead = 160

// Size returns about how many bytes of memory the message takes.
func (m *Message) Size() int {
	return len(m.Topic) + len(m.Payload) + len(m.Props) + len(m.Origin) + len(m.Owner) + overhead
}

// Expired reports whether the message has expired at now, in Unix seconds.
func (m *Message) Expired(now int64) bool { return m.Expiry > 0 && m.Expiry <= now }
