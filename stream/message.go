package stream

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// None is the value of a Message's Delta, DeltaAny or Latency that does not
// apply: the first message of a sender has no delta.
const None = time.Duration(math.MinInt64)

// A Message is one MQTT message as it is stored and shown: in the history, the
// API, the terminal, the page and a recording.
type Message struct {
	ID       int64 // rises with each message stored, from 1; never used twice
	Topic    string
	Payload  []byte // exactly as it came
	QoS      byte
	Retained bool // the broker sent it because it was retained
	Received time.Time

	Sender   string        // Hello.Sender of a hellox broadcast, else the topic
	Delta    time.Duration // since the previous message of the same sender, or None
	DeltaAny time.Duration // since the previous message of any sender, or None

	// Of a hellox broadcast (Ours); zero otherwise.
	Ours      bool
	Text      string
	Color     string // as declared: not yet known to be one of the palette
	Boot      string // ULID of the sender's start
	Seq       uint64
	Latency   time.Duration // from sent to received, by both clocks; None if not Ours
	Missed    uint64        // sequence numbers jumped over just before this one
	Reordered bool          // older than one already seen
}

// An Arrival is an MQTT message as a subscription hands it on, before the
// history knows it.
type Arrival struct {
	Topic    string
	Payload  []byte
	QoS      byte
	Retained bool
	Received time.Time
	Ack      func() // sends the MQTT acknowledgement; call it once the message is stored. Never nil.
	// Superseded reports that the retained message was read by another way, as it
	// is or newer: it is only acknowledged, in its turn.
	Superseded bool
}

// TimeFormat is RFC 3339 with always nine digits of a second. Times in JSON
// are UTC in this format.
const TimeFormat = "2006-01-02T15:04:05.000000000Z07:00"

// FormatTime writes t as JSON and the API show it.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeFormat) }

// A Time is a time as the API writes it: UTC with nine digits of a second.
// (encoding/json would leave out the zeros at the end.)
type Time time.Time

// MarshalJSON writes t by FormatTime.
func (t Time) MarshalJSON() ([]byte, error) {
	return AppendString(nil, FormatTime(time.Time(t))), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Time) UnmarshalJSON(b []byte) error { return (*time.Time)(t).UnmarshalJSON(b) }

// IsZero reports whether there is no time, for omitzero.
func (t Time) IsZero() bool { return time.Time(t).IsZero() }

// Millis turns a duration into the number that the JSON fields in _ms hold:
// milliseconds, with microseconds behind the point.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// FromMillis returns the duration of a number of milliseconds, the unit of JSON.
func FromMillis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// AppendJSON appends m as one JSON object, without a newline. It escapes every
// control and format character (Unicode Cc, Cf and the line separators), so
// the result is safe to print on a terminal and still exact for a parser.
//
// It is written by hand because it stands in every append that is followed:
// with encoding/json, or json/v2, appending takes 1.6 times the processor time and
// falls under 100,000 messages a second (docs/decisions/own-encoder.md).
func (m *Message) AppendJSON(b []byte) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, m.ID, 10)
	b = append(b, `,"topic":`...)
	b = AppendString(b, m.Topic)
	if utf8.Valid(m.Payload) {
		b = append(b, `,"payload":`...)
		b = AppendString(b, m.Payload)
	} else {
		b = append(b, `,"payload_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, m.Payload)
		b = append(b, '"')
	}
	b = append(b, `,"qos":`...)
	b = strconv.AppendUint(b, uint64(m.QoS), 10)
	b = append(b, `,"retained":`...)
	b = strconv.AppendBool(b, m.Retained)
	b = append(b, `,"received":"`...)
	b = m.Received.UTC().AppendFormat(b, TimeFormat)
	b = append(b, `","sender":`...)
	b = AppendString(b, m.Sender)
	b = appendMillis(b, `,"delta_ms":`, m.Delta)
	b = appendMillis(b, `,"delta_any_ms":`, m.DeltaAny)
	if m.Ours {
		b = append(b, `,"text":`...)
		b = AppendString(b, m.Text)
		if m.Color != "" {
			b = append(b, `,"color":`...)
			b = AppendString(b, m.Color)
		}
		b = append(b, `,"boot":`...)
		b = AppendString(b, m.Boot)
		b = append(b, `,"seq":`...)
		b = strconv.AppendUint(b, m.Seq, 10)
		b = appendMillis(b, `,"latency_ms":`, m.Latency)
		if m.Missed > 0 {
			b = append(b, `,"missed":`...)
			b = strconv.AppendUint(b, m.Missed, 10)
		}
		if m.Reordered {
			b = append(b, `,"reordered":true`...)
		}
	}
	return append(b, '}')
}

func appendMillis(b []byte, key string, d time.Duration) []byte {
	if d == None {
		return b
	}
	b = append(b, key...)
	return strconv.AppendFloat(b, Millis(d), 'f', -1, 64)
}

// MarshalJSON is AppendJSON for encoding/json.
func (m Message) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON wrote.
func (m *Message) UnmarshalJSON(b []byte) error {
	var j struct {
		ID            int64     `json:"id"`
		Topic         string    `json:"topic"`
		Payload       *string   `json:"payload"`
		PayloadBase64 []byte    `json:"payload_base64"`
		QoS           byte      `json:"qos"`
		Retained      bool      `json:"retained"`
		Received      time.Time `json:"received"`
		Sender        string    `json:"sender"`
		DeltaMS       *float64  `json:"delta_ms"`
		DeltaAnyMS    *float64  `json:"delta_any_ms"`
		Text          *string   `json:"text"`
		Color         string    `json:"color"`
		Boot          string    `json:"boot"`
		Seq           uint64    `json:"seq"`
		LatencyMS     *float64  `json:"latency_ms"`
		Missed        uint64    `json:"missed"`
		Reordered     bool      `json:"reordered"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	*m = Message{
		ID: j.ID, Topic: j.Topic, Payload: j.PayloadBase64, QoS: j.QoS, Retained: j.Retained,
		Received: j.Received, Sender: j.Sender,
		Delta: fromMillis(j.DeltaMS), DeltaAny: fromMillis(j.DeltaAnyMS), Latency: fromMillis(j.LatencyMS),
		Ours: j.Text != nil, Color: j.Color, Boot: j.Boot, Seq: j.Seq, Missed: j.Missed, Reordered: j.Reordered,
	}
	if j.Payload != nil {
		m.Payload = []byte(*j.Payload)
	}
	if j.Text != nil {
		m.Text = *j.Text
	}
	return nil
}

func fromMillis(ms *float64) time.Duration {
	if ms == nil {
		return None
	}
	return time.Duration(math.Round(*ms*1000)) * time.Microsecond
}
