package jetstream

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"hellox/stream"
	"hellox/stream/track"
)

// The streams and buckets. What begins with $HELLOX is denied to MQTT clients.
const (
	streamName    = "HELLOX_HISTORY"
	streamPrefix  = "$HELLOX.history."
	sendersBucket = "HELLOX_SENDERS"
	leaseBucket   = "HELLOX_LEASE"
)

// The headers of a message; its body is the payload.
const (
	headerMessage = "Hellox-Message" // a stream.Message without its payload
	headerTracked = "Hellox-Tracked" // a tracked
)

// A tracked is what the indexer knew once it had tracked a message.
type tracked struct {
	Source   uint64         `json:"source,omitempty"` // where the message stands in $MQTT_msgs
	Arrived  time.Time      `json:"arrived"`
	Next     time.Duration  `json:"next,omitempty"`
	Counters track.Counters `json:"counters"`
	State    track.State    `json:"state"`
	// Repeated are the senders of which duplicates came after the message before.
	Repeated map[string]track.Counters `json:"repeated,omitempty"`
}

// A stored is a message with what was known then.
type stored struct {
	stream.Message
	tracked
	unreadable bool // all that is known is its ID
}

// appendEntries appends what the tracker told until it was stored.
func (s *stored) appendEntries(entries []track.Tracked) []track.Tracked {
	for sender, counters := range s.Repeated {
		entries = append(entries, track.Tracked{Outcome: track.Duplicate, Sender: sender, Arrived: s.Arrived, Counters: counters})
	}
	m := s.Message
	return append(entries, track.Tracked{Outcome: track.Stored, Sender: m.Sender, Message: &m, Next: s.Next, Arrived: s.Arrived, Counters: s.Counters})
}

// subjectOf returns where a message is stored: its topic and its sender. Both may have
// characters that no subject has, and are names of any length.
func subjectOf(m *stream.Message) string {
	return streamPrefix + key(m.Topic) + "." + key(m.Sender)
}

func key(name string) string {
	const most = 1024 // bytes: a line of NATS's protocol has 4,096
	return base64.RawURLEncoding.EncodeToString([]byte(name[:min(len(name), most)]))
}

// encode returns e, which is stored, as a message of the stream.
func encode(e *track.Tracked, source uint64, state track.State, repeated map[string]track.Counters) (*natsgo.Msg, error) {
	bare := *e.Message
	bare.Payload = nil
	text, err := json.Marshal(tracked{source, e.Arrived, e.Next, e.Counters, state, repeated})
	if err != nil {
		return nil, fmt.Errorf("encode message %d: %w", e.Message.ID, err)
	}
	return &natsgo.Msg{
		Subject: subjectOf(e.Message), Data: e.Message.Payload,
		Header: natsgo.Header{headerMessage: {string(bare.AppendJSON(nil))}, headerTracked: {string(stream.EscapeJSON(text))}},
	}, nil
}

// messageBytes is how large a message is for the server, at most: its topic stands in
// its headers thrice. What it tells of duplicates is not counted.
func messageBytes(topic, payload int) int64 {
	const headers = 4 << 10
	return int64(payload + 3*topic + headers)
}

// messageID returns the ID by which JetStream takes a message once: of a broadcast its
// sender, boot and number; of others where they stood in $MQTT_msgs. What the tracker
// may store twice has the latter, too.
func messageID(m *stream.Message, source uint64) string {
	switch {
	case m.Ours && !m.Reordered && !m.Retained:
		return fmt.Sprintf("%s/%s/%d", key(m.Sender), m.Boot, m.Seq)
	case source > 0:
		return fmt.Sprintf("source/%d", source)
	}
	return ""
}

// decode reads a message of the stream; seq is its sequence there.
func decode(header natsgo.Header, data []byte, seq uint64) (stored, error) {
	var s stored
	if err := json.Unmarshal([]byte(header.Get(headerMessage)), &s.Message); err != nil {
		return s, fmt.Errorf("read message %d: %w", seq, err)
	}
	if err := json.Unmarshal([]byte(header.Get(headerTracked)), &s.tracked); err != nil {
		return s, fmt.Errorf("read message %d: %w", seq, err)
	}
	s.ID, s.Payload = int64(seq), data
	return s, nil
}
