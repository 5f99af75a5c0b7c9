package tui

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/stream/safetext"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// A form is how a payload is shown.
type form int

const (
	formJSON form = iota // as what it is: JSON set out, else raw
	formRaw
	formHex
	forms
)

// detail sets out one message, and holds how far into it the reader is.
type detail struct {
	form   form
	top    int
	height int
	of     *stream.Message
	size   int       // of its whole payload
	since  time.Time // when it was first set out
	shown  form      // lines are of this form
	width  int
	lines  []string
}

func (d detail) nextForm() detail {
	d.form = (d.form + 1) % forms
	d.top = 0
	return d
}

func (d *detail) scroll(n int) { d.top = clamp(d.top+n, 0, max(len(d.lines)-d.height, 0)) }

// prepare sets m out for w cells and height lines, unless it is already.
//
// size is that of the whole payload, of which m may hold the beginning only.
func (d *detail) prepare(s *theme.Theme, m *stream.Message, size, w, height int, now time.Time) {
	d.height = height
	if d.of != m {
		d.top, d.size, d.since = 0, size, now
	}
	if d.of != m || d.width != w || d.shown != d.form || d.lines == nil {
		d.of, d.width, d.shown = m, w, d.form
		d.lines = setOut(s, m, size, d.form, w, now.Location())
	}
	d.scroll(0)
}

// fresh tells whether a message was set out less than a second ago. Beside a list
// that runs, a faster change could not be read.
func (d *detail) fresh(now time.Time) bool {
	return d.of != nil && now.Sub(d.since) < time.Second
}

// view returns the lines that are on the screen.
func (d *detail) view() []string {
	return d.lines[d.top:min(len(d.lines), d.top+d.height)]
}

func (m model) pressDetail(msg tea.KeyMsg) (model, tea.Cmd) {
	k := m.keys
	switch {
	case key.Matches(msg, k.Quit):
		return m.quit(nil)
	case key.Matches(msg, k.Back), key.Matches(msg, k.Detail):
		m.mode = modeBrowse
	case key.Matches(msg, k.Help):
		m.mode = modeHelp
	case key.Matches(msg, k.Form):
		m.detail = m.detail.nextForm()
	case key.Matches(msg, k.PageDown):
		m.detail.scroll(max(m.layout.body-1, 1))
	case key.Matches(msg, k.PageUp):
		m.detail.scroll(-max(m.layout.body-1, 1))
	case key.Matches(msg, k.Up):
		m.part().move(-1)
	case key.Matches(msg, k.Down):
		m.part().move(1)
	}
	return m, nil
}

// setOut paints a message in lines of w cells.
func setOut(s *theme.Theme, m *stream.Message, whole int, as form, w int, zone *time.Location) []string {
	if m == nil {
		return []string{s.Grey.Apply(cells.Cut(" no message", w))}
	}
	const nameW = 10
	lines := []string{s.Bold.Apply(cells.Cut(" #"+units.Count(uint64(m.ID)), w))}
	for _, f := range facts(m, zone) {
		lines = append(lines, " "+s.Grey.Apply(cells.Left(f.name, nameW))+cells.Clean(f.value, w-nameW-2))
	}
	name, body := payload(m, as, w-2)
	if whole > len(m.Payload) {
		name += ", the first " + units.Bytes(int64(len(m.Payload)))
	}
	lines = append(lines, "", s.Grey.Apply(cells.Cut(" payload   "+units.Bytes(int64(whole))+"  "+name, w)))
	for _, l := range body {
		lines = append(lines, " "+l)
	}
	return lines
}

// A fact is one line about a message.
type fact struct{ name, value string }

func facts(m *stream.Message, zone *time.Location) []fact {
	f := []fact{
		{"topic", m.Topic},
		{"sender", m.Sender},
		{"received", m.Received.In(zone).Format("2006-01-02 15:04:05.000000 Z07:00")},
		{"QoS", strconv.Itoa(int(m.QoS))},
	}
	add := func(name, value string) {
		if value != "" {
			f = append(f, fact{name, value})
		}
	}
	add("Δ", units.Delta(m.Delta))
	add("Δ any", units.Delta(m.DeltaAny))
	if m.Ours {
		add("latency", units.Latency(m.Latency))
		add("seq", strconv.FormatUint(m.Seq, 10))
		add("boot", m.Boot)
		add("color", m.Color)
	}
	if m.Retained {
		add("▣", "retained: the broker kept it and sent it again")
	}
	if m.Missed > 0 {
		add("⋯", units.Count(m.Missed)+" missed before it")
	}
	if m.Reordered {
		add("↶", "reordered: older than one already seen")
	}
	return f
}

// payload returns the lines of the payload, and how it is shown.
func payload(m *stream.Message, as form, w int) (string, []string) {
	switch {
	case len(m.Payload) == 0:
		return "empty", nil
	case as == formHex, !utf8.Valid(m.Payload):
		return "hex", hex(m.Payload, w)
	case as == formJSON && json.Valid(m.Payload):
		var b bytes.Buffer
		if json.Indent(&b, m.Payload, "", "  ") == nil {
			return "json", fold(b.String(), w)
		}
	}
	return "raw", fold(string(m.Payload), w)
}

// fold breaks a text into cleaned lines of at most w cells.
func fold(s string, w int) []string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		lines = append(lines, cells.Wrap(safetext.Clean(l), w)...)
	}
	return lines
}
