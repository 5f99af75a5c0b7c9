package stream

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"hellox/stream/safetext"
)

// A Hello is the payload of a hellox broadcast.
type Hello struct {
	Text   string
	Sender string
	Boot   string // ULID of the sender's start
	Seq    uint64 // from 1 with each boot, rising by one
	Sent   time.Time
	Next   time.Duration // until the next broadcast; 0 if not declared
	Color  string        // #rrggbb, or ""
}

// AppendJSON appends h as it goes over the wire, escaped as AppendString does.
func (h *Hello) AppendJSON(b []byte) []byte {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(struct { // strings and numbers always encode
		Text   string `json:"text"`
		Sender string `json:"sender"`
		Boot   string `json:"boot"`
		Seq    uint64 `json:"seq"`
		Sent   Time   `json:"sent"`
		NextMS int64  `json:"next_ms,omitempty"`
		Color  string `json:"color,omitempty"`
	}{h.Text, h.Sender, h.Boot, h.Seq, Time(h.Sent), h.Next.Milliseconds(), h.Color})
	return append(b, EscapeJSON(bytes.TrimSuffix(body.Bytes(), []byte("\n")))...)
}

// ParseHello parses the payload of a hellox broadcast. It returns false unless
// text, sender, boot and seq are all there and valid: any other payload is
// foreign and is shown as it is.
func ParseHello(payload []byte) (Hello, bool) {
	if len(payload) == 0 || payload[0] != '{' || !utf8.Valid(payload) {
		return Hello{}, false
	}
	if f, ok := scanHello(payload); ok {
		return f.hello()
	}
	var j struct {
		Text   *string `json:"text"`
		Sender string  `json:"sender"`
		Boot   string  `json:"boot"`
		Seq    uint64  `json:"seq"`
		// A fault in these does not make the payload foreign.
		Sent   json.RawMessage `json:"sent"`
		NextMS json.RawMessage `json:"next_ms"`
		Color  json.RawMessage `json:"color"`
	}
	if err := json.Unmarshal(payload, &j); err != nil || j.Text == nil {
		return Hello{}, false
	}
	f := helloFields{text: *j.Text, sender: j.Sender, boot: j.Boot, seq: j.Seq}
	if n := len(j.Sent); n > 2 && j.Sent[0] == '"' {
		f.sent = string(j.Sent[1 : n-1])
	}
	if ms, err := strconv.ParseFloat(string(j.NextMS), 64); err == nil {
		f.nextMS = ms
	}
	_ = json.Unmarshal(j.Color, &f.color) // "" if it is no string
	return f.hello()
}

// helloFields are the fields of a payload, not yet validated.
type helloFields struct {
	text, sender, boot string
	seq                uint64
	sent               string
	nextMS             float64
	color              string
}

// hello validates f. Optional fields that are invalid are left out.
func (f *helloFields) hello() (Hello, bool) {
	if !ValidID(f.sender) || f.seq == 0 || f.seq > maxSeq {
		return Hello{}, false
	}
	if _, err := ulid.ParseStrict(f.boot); err != nil {
		return Hello{}, false
	}
	h := Hello{Text: f.text, Sender: f.sender, Boot: f.boot, Seq: f.seq}
	if t, err := time.Parse(time.RFC3339Nano, f.sent); err == nil {
		h.Sent = t
	}
	if f.nextMS > 0 && f.nextMS <= float64(maxNext/time.Millisecond) {
		h.Next = FromMillis(f.nextMS)
	}
	if isColor(f.color) {
		h.Color = f.color
	}
	return h, true
}

// maxLatency is the longest time that is taken for a latency. Beyond it, in either
// direction, the sender's clock is not set: one that begins in 1970 would be all
// that is seen of the others' latencies.
const maxLatency = 365 * 24 * time.Hour

// SetHello fills in the fields of a hellox payload. Received and Retained must be
// set: a retained message waited at the broker, so it has no latency.
func (m *Message) SetHello(h *Hello) {
	m.Ours, m.Sender, m.Text, m.Color, m.Boot, m.Seq = true, h.Sender, h.Text, h.Color, h.Boot, h.Seq
	m.Latency = None
	if d := m.Received.Sub(h.Sent); !m.Retained && !h.Sent.IsZero() && d.Abs() <= maxLatency {
		m.Latency = d.Truncate(time.Microsecond)
	}
}

// isColor reports whether s is #rrggbb.
func isColor(s string) bool {
	if len(s) != len("#rrggbb") || s[0] != '#' {
		return false
	}
	return strings.Trim(s[1:], "0123456789abcdefABCDEF") == ""
}

// maxSeq keeps a sequence number within SQLite's signed 64 bits and a JSON
// reader's exact integers. maxNext is the longest silence that a sender may
// announce.
const (
	maxSeq  = 1 << 53
	maxNext = 24 * time.Hour
)

// ValidID reports whether s can name a broadcaster: 1 to 128 bytes of UTF-8
// without '/', '+', '#', white space or invisible characters. It stands
// in topics, client ids and file names.
func ValidID(s string) bool {
	if s == "" || len(s) > 128 || !utf8.ValidString(s) || strings.ContainsAny(s, "/+#") || strings.HasPrefix(s, "$") {
		return false
	}
	for _, r := range s {
		if !safetext.Visible(r) || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Variation_Selector, r) {
			return false
		}
	}
	return true
}
