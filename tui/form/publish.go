package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// A Message is what Publish asks to publish.
type Message struct {
	Topic, Text string
	QoS         byte
	Retain      bool
}

// Publish is the form to write a message in. It stays open after sending.
type Publish struct {
	keys        keys
	topic, text input
	block       string // the text instead, if it does not fit into a line
	qos         byte
	retain      bool
	field       int // which one the keys go to
	err         error
	message     Message // the one submitted last

	sent []Message // those that have arrived, oldest first
	at   int       // which of them is shown; len(sent): what is typed

	edits bool    // there is an editor
	own   Message // what is typed, while another one is shown
}

// The fields of Publish, in order.
const (
	fieldTopic = iota
	fieldText
	fieldQoS
	fieldRetain
	fields // how many
)

// NewPublish returns a form whose message goes to topic. sent are the messages that
// were published before, oldest first.
func NewPublish(topic string, sent []Message) Publish {
	return Publish{keys: newKeys(), topic: newInput(topic), text: newInput(""), qos: 1, field: fieldText, sent: sent, at: len(sent)}
}

// WithEditor returns the form with a key that asks for an editor.
func (f Publish) WithEditor() Publish {
	f.edits = true
	return f
}

// Text returns the text as it is typed.
func (f Publish) Text() string {
	if f.block != "" {
		return f.block
	}
	return f.text.value()
}

// WithText returns the form with another text.
func (f Publish) WithText(text string) Publish {
	f.err, f.block, f.text = nil, "", newInput(text)
	if f.text.value() != text { // it has several lines, or what cannot be typed
		f.block, f.text = text, newInput("")
	}
	return f
}

// Update takes a key. A message with a wrong topic is not submitted.
func (f Publish) Update(msg tea.KeyMsg) (Publish, Status) {
	f.err = nil
	switch {
	case key.Matches(msg, f.keys.Close):
		return f, Closed
	case key.Matches(msg, f.keys.Send):
		if f.err = stream.CheckTopic(f.topic.value()); f.err != nil {
			f.field = fieldTopic
			return f, Editing
		}
		f.message = f.typed()
		return f, Submitted
	case f.edits && key.Matches(msg, f.keys.Edit):
		f.field = fieldText
		return f, Edit
	case key.Matches(msg, f.keys.Earlier):
		f = f.show(f.at - 1)
	case key.Matches(msg, f.keys.Later):
		f = f.show(f.at + 1)
	case key.Matches(msg, f.keys.Next):
		f.field = (f.field + 1) % fields
	case key.Matches(msg, f.keys.Previous):
		f.field = (f.field + fields - 1) % fields
	default:
		f = f.edit(msg)
	}
	return f, Editing
}

// show shows one of the messages that were published, or what was typed.
func (f Publish) show(at int) Publish {
	if at < 0 || at > len(f.sent) {
		return f
	}
	if f.at == len(f.sent) {
		f.own = f.typed()
	}
	m := f.own
	if at < len(f.sent) {
		m = f.sent[at]
	}
	f.at, f.topic, f.qos, f.retain = at, newInput(m.Topic), m.QoS, m.Retain
	return f.WithText(m.Text)
}

// typed is the message as it is in the fields.
func (f Publish) typed() Message {
	return Message{Topic: f.topic.value(), Text: f.Text(), QoS: f.qos, Retain: f.retain}
}

// edit hands a key to the field that has the focus.
func (f Publish) edit(msg tea.KeyMsg) Publish {
	switch f.field {
	case fieldTopic:
		f.topic = f.topic.update(msg)
	case fieldText:
		switch {
		case f.block == "":
			f.text = f.text.update(msg)
		case msg.Type == tea.KeyCtrlU, msg.Type == tea.KeyCtrlK:
			f.block = ""
		default:
			f.err = errBlock
		}
	case fieldQoS:
		switch msg.String() {
		case "0", "1", "2":
			f.qos = msg.String()[0] - '0'
		case " ", "right", "l":
			f.qos = (f.qos + 1) % 3
		case "left", "h":
			f.qos = (f.qos + 2) % 3
		}
	case fieldRetain:
		switch msg.String() {
		case " ", "left", "right", "h", "l":
			f.retain = !f.retain
		}
	}
	return f
}

var errBlock = errors.New("the text does not fit into a line: ctrl+e edits it, ctrl+u empties it")

// Acknowledged clears the text once the message submitted last has arrived, unless
// the user has changed it meanwhile.
func (f Publish) Acknowledged() Publish {
	if f.Text() == f.message.Text {
		f = f.WithText("")
	}
	return f.Remember(f.message)
}

// Remember adds a message to those that can be brought back.
func (f Publish) Remember(m Message) Publish {
	if n := len(f.sent); n == 0 || f.sent[n-1] != m {
		f.sent = append(f.sent[max(0, n+1-maxSent):n:n], m)
	}
	f.at = len(f.sent)
	return f
}

// maxSent is how many messages that were published are held.
const maxSent = 100

// Sent returns the messages that were published, oldest first.
func (f Publish) Sent() []Message { return f.sent }

// Message returns the message submitted last.
func (f Publish) Message() Message { return f.message }

// Err returns what is wrong with the topic.
func (f Publish) Err() error { return f.err }

// Hint says whether a text that looks like JSON is JSON, and else where it is not.
func (f Publish) Hint() string {
	text := f.Text()
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed[0] != '{' && trimmed[0] != '[' {
		return ""
	}
	var wrong *json.SyntaxError
	if err := json.NewDecoder(strings.NewReader(text)).Decode(new(json.RawMessage)); errors.Is(err, io.ErrUnexpectedEOF) {
		return "✗ not JSON: it ends too early"
	}
	switch err := json.Unmarshal([]byte(text), new(json.RawMessage)); {
	case err == nil:
		return "✓ JSON"
	case errors.As(err, &wrong):
		before := text[:min(max(int(wrong.Offset)-1, 0), len(text))]
		from := fmt.Sprintf("column %d", utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])+1)
		if lines := strings.Count(before, "\n"); strings.Contains(trimmed, "\n") {
			from = fmt.Sprintf("line %d, %s", lines+1, from)
		}
		return "✗ not JSON from " + from + " on: it is published as it is"
	}
	return ""
}

// Help returns the keys that do something.
func (f Publish) Help() []key.Binding {
	all := []key.Binding{f.keys.Send, f.keys.Next}
	if f.edits {
		all = append(all, f.keys.Edit)
	}
	if f.at > 0 {
		all = append(all, f.keys.Earlier)
	}
	if f.at < len(f.sent) {
		all = append(all, f.keys.Later)
	}
	return append(all, f.keys.Close)
}

// View paints the form in w cells and three lines.
func (f Publish) View(t *theme.Theme, w int) []string {
	label := func(field int, name string) string {
		if f.field == field {
			return t.Accent.Apply("›") + t.Bold.Apply(name)
		}
		return " " + t.Grey.Apply(name)
	}
	box := "▢"
	if f.retain {
		box = "▣"
	}
	const labelW = 10
	line := func(field int, name string, in input) string {
		return cells.Left(label(field, name), labelW) + in.view(t, w-labelW-1, 0, f.field == field)
	}
	text := line(fieldText, "text", f.text)
	if f.block != "" {
		size := units.Plural(strings.Count(strings.TrimSuffix(f.block, "\n"), "\n")+1, "line") + ", " + units.Bytes(int64(len(f.block))) + ": "
		text = cells.Left(label(fieldText, "text"), labelW) + t.Grey.Apply(size) + cells.Clean(f.block, max(w-labelW-1-len(size), 1))
	}
	return []string{
		line(fieldTopic, "topic", f.topic),
		text,
		cells.Left(label(fieldQoS, "QoS"), labelW) + fmt.Sprintf("%d   ", f.qos) + label(fieldRetain, "retain") + " " + box,
	}
}
