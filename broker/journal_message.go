package broker

// A message is one PUBLISH on its way through the broker. Nobody changes it
// once it is made, except for seq, which the journal sets before anybody else
// sees the message.
type message struct {
	topic   string
	payload []byte
	// props are the MQTT 5 properties as they are passed on, encoded,
	// without their length, the expiry and subscription identifiers.
	props  []byte
	origin string // client id of the publisher, for No Local
	expiry int64  // Unix seconds; 0: never
	qos    byte   // as published
	retain bool   // as published
	seq    uint64 // its place in the journal; 0: not in it
}

// overhead is what a message costs beside its bytes: the structs that point to it.
const overhead = 160

func (m *message) size() int {
	return len(m.topic) + len(m.payload) + len(m.props) + len(m.origin) + overhead
}

func (m *message) expired(now int64) bool { return m.expiry > 0 && m.expiry <= now }
