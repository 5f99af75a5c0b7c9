package tui

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/tui/detail"
	"hellox/tui/source"
)

// detailModel shows one message in full, beside the list or instead of it.
type detailModel struct {
	shared *shared
	*detail.Pane
	waits bool      // for an answer about the message
	drawn time.Time // when the graph was asked for
}

func newDetailModel(sh *shared) detailModel {
	return detailModel{shared: sh, Pane: detail.NewPane(sh.theme)}
}

// update takes keys, turns of the mouse wheel, and answers.
func (d detailModel) update(msg tea.Msg) detailModel {
	switch msg := msg.(type) {
	case scrollMsg:
		d.Scroll(int(msg))
	case tea.KeyMsg:
		d.press(msg)
	case source.DecodedMsg:
		d.waits = false
		d.Decoded(msg.ID, msg.Result)
	case source.ChangesMsg:
		d.waits = false
		d.Changed(msg.ID, detail.Difference{Before: msg.Before, Changes: msg.Changes, Err: msg.Err})
	case source.NumbersMsg:
		d.waits = false
		series := detail.Series{Among: msg.Among, Err: msg.Err}
		for _, n := range msg.Numbers {
			series.Numbers = append(series.Numbers, detail.Number(n))
		}
		d.Draw(msg.ID, msg.Path, series)
	}
	return d
}

func (d *detailModel) press(msg tea.KeyMsg) {
	switch k := d.shared.keys; {
	case key.Matches(msg, k.View):
		d.Next()
	case key.Matches(msg, k.Changes):
		d.Toggle(detail.Changes)
	case key.Matches(msg, k.Graph):
		d.ToggleGraph()
		d.drawn = time.Time{}
	case key.Matches(msg, k.PageDown):
		d.Page(1)
	case key.Matches(msg, k.PageUp):
		d.Page(-1)
	case key.Matches(msg, k.ValueUp):
		d.Move(-1)
	case key.Matches(msg, k.ValueDown):
		d.Move(1)
	case key.Matches(msg, k.Fold):
		d.Out()
	case key.Matches(msg, k.Unfold):
		d.In()
	case key.Matches(msg, k.Home):
		d.Home()
	case key.Matches(msg, k.Last):
		d.End()
	}
}

// graphPause is how long a graph of a topic that goes on stays as it is.
const graphPause = time.Second

// load asks for what is to be shown of the message and is not known: one thing after
// the other.
func (d detailModel) load(now time.Time) (detailModel, tea.Cmd) {
	if d.waits {
		return d, nil
	}
	cmd := d.question()
	if _, drawn := d.Graphs(); drawn && cmd == nil && now.Sub(d.drawn) >= graphPause {
		d.drawn = now
		cmd = d.numbers()
	}
	d.waits = cmd != nil
	return d, cmd
}

// question returns the command that tells what is not known of the message, or nil.
func (d *detailModel) question() tea.Cmd {
	m, size := d.Message()
	switch src := d.shared.src; {
	case d.Decodes():
		return source.Decode(src, m, size)
	case d.Compares():
		return source.Changes(src, m, size)
	}
	return nil
}

// numbers returns the command that reads those of the graph.
func (d *detailModel) numbers() tea.Cmd {
	m, size := d.Message()
	path, _ := d.Graphs()
	return source.Numbers(d.shared.src, m, size, path)
}
