package form

import (
	"fmt"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
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
	qos         byte
	retain      bool
	field       int // which one the keys go to
	err         error
	message     Message // the one submitted last
}

// The fields of Publish, in order.
const (
	fieldTopic = iota
	fieldText
	fieldQoS
	fieldRetain
	fields // how many
)

// NewPublish returns a form whose message goes to topic.
func NewPublish(topic string) Publish {
	return Publish{keys: newKeys(), topic: newInput(topic), text: newInput(""), qos: 1, field: fieldText}
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
		f.message = Message{Topic: f.topic.value(), Text: f.text.value(), QoS: f.qos, Retain: f.retain}
		return f, Submitted
	case key.Matches(msg, f.keys.Next):
		f.field = (f.field + 1) % fields
	case key.Matches(msg, f.keys.Previous):
		f.field = (f.field + fields - 1) % fields
	default:
		f = f.edit(msg)
	}
	return f, Editing
}

// edit hands a key to the field that has the focus.
func (f Publish) edit(msg tea.KeyMsg) Publish {
	switch f.field {
	case fieldTopic:
		f.topic = f.topic.update(msg)
	case fieldText:
		f.text = f.text.update(msg)
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

// Acknowledged clears the text once the message submitted last has arrived, unless
// the user has changed it meanwhile.
func (f Publish) Acknowledged() Publish {
	if f.text.value() == f.message.Text {
		f.text = newInput("")
	}
	return f
}

// Message returns the message submitted last.
func (f Publish) Message() Message { return f.message }

// Err returns what is wrong with the topic.
func (f Publish) Err() error { return f.err }

// Hint returns nothing: the fields have names.
func (f Publish) Hint() string { return "" }

// Help returns the keys that do something.
func (f Publish) Help() []key.Binding { return []key.Binding{f.keys.Send, f.keys.Next, f.keys.Close} }

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
	return []string{
		line(fieldTopic, "topic", f.topic),
		line(fieldText, "text", f.text),
		cells.Left(label(fieldQoS, "QoS"), labelW) + fmt.Sprintf("%d   ", f.qos) + label(fieldRetain, "retain") + " " + box,
	}
}
