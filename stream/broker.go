package stream

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"hellox/stream/safetext"
)

// TopicBroker is where a hellox broker tells how it is, retained: a
// BrokerState, or nothing when it is well.
const TopicBroker = controlPrefix + "broker"

const topicRefused = controlPrefix + "refused/"

// RefusedTakenOver is what a hellox broker tells a client, before the ID, when another
// one connects with the same ID.
const RefusedTakenOver = "another client connected with the client ID "

// BrokerState is how a hellox broker is.
type BrokerState struct {
	// Degraded says why publishers get no acknowledgement, in one sentence;
	// "" when the broker is well.
	Degraded string    `json:"degraded"`
	Since    time.Time `json:"since,omitzero"`
}

// MarshalJSON writes the time with nine digits of a second.
func (s BrokerState) MarshalJSON() ([]byte, error) {
	type plain BrokerState
	return json.Marshal(struct {
		plain
		Since Time `json:"since,omitzero"`
	}{plain(s), Time(s.Since)})
}

// A Refusal is what a hellox broker tells a client on its RefusedTopic before
// it disconnects it or drops what it sent: MQTT 3.1.1 has no reason codes.
type Refusal struct {
	Reason string `json:"reason"` // one sentence
}

// maxReason bounds what a broker may say, in bytes.
const maxReason = 1 << 10

// ParseBrokerState reads the payload of a message on TopicBroker. The text is
// safe to be shown.
func ParseBrokerState(payload []byte) (BrokerState, error) {
	var s BrokerState
	if len(payload) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(payload, &s); err != nil {
		return BrokerState{}, fmt.Errorf("the broker's state: %w", err)
	}
	s.Degraded = cleanReason(s.Degraded)
	return s, nil
}

// ParseRefusal reads the payload of a message on a RefusedTopic. The text is
// safe to be shown.
func ParseRefusal(payload []byte) (Refusal, error) {
	var r Refusal
	if err := json.Unmarshal(payload, &r); err != nil {
		return Refusal{}, fmt.Errorf("the broker's refusal: %w", err)
	}
	r.Reason = cleanReason(r.Reason)
	return r, nil
}

func cleanReason(s string) string {
	return safetext.Clean(strings.ToValidUTF8(s[:min(len(s), maxReason)], ""))
}

// RefusedTopic returns the topic on which a hellox broker tells a client why it
// refuses it. There is none for a client ID that cannot be a topic's level.
func RefusedTopic(clientID string) (topic string, ok bool) {
	if clientID == "" || strings.ContainsAny(clientID, "/+#") || strings.ContainsFunc(clientID, unicode.IsControl) {
		return "", false
	}
	return topicRefused + clientID, true
}

// OwnedByBroker reports whether only the broker itself publishes on topic.
func OwnedByBroker(topic string) bool {
	return topic == TopicBroker || strings.HasPrefix(topic, topicRefused)
}
