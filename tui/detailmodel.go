package tui

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/detail"
)

// detailModel shows one message in full, beside the list or instead of it.
type detailModel struct {
	shared   *shared
	view     detail.View
	top      int
	height   int
	of       *stream.Message
	size     int       // of its whole payload
	since    time.Time // when it was first rendered
	shown    detail.View
	width    int
	document *detail.Document // of, laid out as shown in width cells
}

// update takes keys, and turns of the mouse wheel.
func (d detailModel) update(msg tea.Msg) detailModel {
	screen := max(d.height-1, 1)
	switch msg := msg.(type) {
	case scrollMsg:
		d.scroll(int(msg))
	case tea.KeyMsg:
		switch k := d.shared.keys; {
		case key.Matches(msg, k.View):
			d.view = d.view.Next()
			d.top = 0
		case key.Matches(msg, k.PageDown):
			d.scroll(screen)
		case key.Matches(msg, k.PageUp):
			d.scroll(-screen)
		}
	}
	return d
}

func (d *detailModel) scroll(n int) {
	if d.document != nil {
		d.top = d.document.Top(d.top+n, d.height)
	}
}

// prepare lays m out for w cells and height lines, unless it is already. size is
// the number of bytes of the whole payload, of which m may hold the beginning
// only.
func (d *detailModel) prepare(m *stream.Message, size, w, height int, now time.Time) {
	d.height = height
	if d.of != m {
		if d.of == nil || m == nil || d.of.Topic != m.Topic {
			d.top = 0 // of a topic that goes on the reader keeps the place
		}
		d.size, d.since = size, now
	}
	if d.of != m || d.width != w || d.shown != d.view || d.document == nil {
		d.of, d.width, d.shown = m, w, d.view
		d.document = detail.New(d.shared.theme, m, size, d.view, w, now.Location())
	}
	d.scroll(0)
}

// fresh reports whether the message was first rendered less than a second ago.
// Beside a list that runs, a faster change could not be read.
func (d *detailModel) fresh(now time.Time) bool {
	return d.of != nil && now.Sub(d.since) < time.Second
}

// visible returns the lines on the screen: the last one says how much is not laid
// out yet.
func (d *detailModel) visible() []string {
	lines := d.document.Lines(d.top, d.height)
	if left := d.document.Left(); left != "" && len(lines) == d.height {
		lines = append(lines[:d.height-1:d.height-1], d.shared.theme.Grey.Apply(" "+left))
	}
	return lines
}
