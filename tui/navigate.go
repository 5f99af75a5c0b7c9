package tui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// A scrollMsg is a turn of the mouse wheel, in lines; negative is up.
type scrollMsg int

// A clickMsg is a click on a line of what a tab shows, counted from 0.
type clickMsg int

// A navigable is a list with a selection.
type navigable interface {
	move(n int)   // the selection by n rows
	page(n int)   // by n screens
	home()        // to the first row
	end()         // to the last row
	scroll(n int) // the screen by n rows
	pick(line int)
}

// navigate moves in to if msg is a key or a mouse event for it.
func navigate(k keys, to navigable, msg tea.Msg) {
	switch msg := msg.(type) {
	case scrollMsg:
		to.scroll(int(msg))
	case clickMsg:
		to.pick(int(msg))
	case tea.KeyMsg:
		switch {
		case key.Matches(msg, k.Up):
			to.move(-1)
		case key.Matches(msg, k.Down):
			to.move(1)
		case key.Matches(msg, k.PageUp):
			to.page(-1)
		case key.Matches(msg, k.PageDown):
			to.page(1)
		case key.Matches(msg, k.Home):
			to.home()
		case key.Matches(msg, k.End):
			to.end()
		}
	}
}
