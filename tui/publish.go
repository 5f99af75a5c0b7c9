package tui

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
)

// publishForm is where a message is written. It stays open after sending.
type publishForm struct {
	topic, text input
	qos         byte
	retain      bool
	field       int // where the keys go
	err         error
}

// The fields of publishForm, in order.
const (
	fieldTopic = iota
	fieldText
	fieldQoS
	fieldRetain
	fields // how many
)

func newPublishForm(topic string) publishForm {
	return publishForm{topic: newInput(topic), text: newInput(""), qos: 1, field: fieldText}
}

func (f publishForm) update(msg tea.KeyMsg) publishForm {
	f.err = nil
	switch msg.Type {
	case tea.KeyTab, tea.KeyDown:
		f.field = (f.field + 1) % fields
		return f
	case tea.KeyShiftTab, tea.KeyUp:
		f.field = (f.field + fields - 1) % fields
		return f
	}
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

// view paints the form in w cells and three lines.
func (f publishForm) view(s *theme.Theme, w int) []string {
	label := func(field int, name string) string {
		if f.field == field {
			return s.Accent.Apply("›") + s.Bold.Apply(name)
		}
		return " " + s.Grey.Apply(name)
	}
	box := "▢"
	if f.retain {
		box = "▣"
	}
	const labelW = 10
	line := func(field int, name string, in input) string {
		return cells.Left(label(field, name), labelW) + in.view(s, w-labelW-1, 0, f.field == field)
	}
	return []string{
		line(fieldTopic, "topic", f.topic),
		line(fieldText, "text", f.text),
		cells.Left(label(fieldQoS, "QoS"), labelW) + fmt.Sprintf("%d   ", f.qos) + label(fieldRetain, "retain") + " " + box,
	}
}

func (m model) pressPublish(msg tea.KeyMsg) (model, tea.Cmd) {
	f := &m.publish
	switch msg.Type {
	case tea.KeyEsc:
		m.mode = modeBrowse
		return m, nil
	case tea.KeyEnter:
		if f.err = stream.CheckTopic(f.topic.value()); f.err != nil {
			f.field = fieldTopic
			return m, nil
		}
		cmd := m.src.Publish(f.topic.value(), f.text.value(), f.qos, f.retain)
		f.text = newInput("")
		m.notice = m.notice.say("publishing …")
		return m, cmd
	}
	m.publish = f.update(msg)
	return m, nil
}
