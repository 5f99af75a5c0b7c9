package tui

import "github.com/charmbracelet/bubbles/key"

// keys are all keys of the screen, each with its help text. What is typed into
// has keys of its own, in package form. A key that does nothing now is disabled:
// it has no effect and is not shown.
type keys struct {
	Stream, Topics, Senders, Next                                          key.Binding
	Filter, Only, Pause, Follow, Detail                                    key.Binding
	Include, Exclude, Drop, Search, Previous, Jump, Earlier, Later         key.Binding
	Up, Down, PageUp, PageDown, Home, End                                  key.Binding
	Open, Close, OpenAll, View, Narrower, Wider, Sort, Pin, Mute, Copy     key.Binding
	Actions, Edit, Clear, Scale                                            key.Binding
	ValueUp, ValueDown, Fold, Unfold, Last, OnValue, Graph, Changes        key.Binding
	Publish, Tell, Record, Mouse, Help, Back, Redraw, Suspend, Quit, Leave key.Binding
}

// bind binds keys by their names, with their help.
func bind(help, does string, names ...string) key.Binding {
	return key.NewBinding(key.WithKeys(names...), key.WithHelp(help, does))
}

func newKeys() keys {
	return keys{
		Stream:    bind("1", "stream", "1"),
		Topics:    bind("2", "topics", "2"),
		Senders:   bind("3", "senders", "3"),
		Next:      bind("tab", "next tab", "tab"),
		Filter:    bind("/", "filter", "/"),
		Only:      bind("s", "only this sender", "s", "f"),
		Include:   bind("+", "include sender or topic", "+"),
		Exclude:   bind("-", "exclude sender or topic", "-"),
		Drop:      bind("⌫", "drop the last term", "backspace"),
		Search:    bind("n", "next found", "n"),
		Previous:  bind("N", "previous found", "N"),
		Jump:      bind(":", "go to time or ID", ":"),
		Earlier:   bind("← h", "10 s back, shift: 1 min", "left", "h", "shift+left"),
		Later:     bind("→ l", "10 s on, shift: 1 min", "right", "l", "shift+right"),
		Pause:     bind("space", "pause", " "),
		Follow:    bind("G", "follow", "G", "end", " "),
		Detail:    bind("enter", "detail", "enter"),
		Up:        bind("↑ k", "one up", "up", "k"),
		Down:      bind("↓ j", "one down", "down", "j", "."),
		PageUp:    bind("pgup b", "a screen up", "pgup", "b", "ctrl+b", "ctrl+u"),
		PageDown:  bind("pgdn", "a screen down", "pgdown", "ctrl+f", "ctrl+d"),
		Home:      bind("g home", "the oldest", "g", "home"),
		End:       bind("G end", "the last one", "G", "end"),
		Open:      bind("→ l", "open", "right", "l"),
		Close:     bind("← h", "close", "left", "h"),
		OpenAll:   bind("o", "open or close all", "o"),
		Copy:      bind("y", "copy", "y"),
		ValueUp:   bind("↑", "a value up", "up"),
		ValueDown: bind("↑ ↓", "detail: a value", "down"),
		Fold:      bind("← →", "detail: fold", "left", "h"),
		Unfold:    bind("→ l", "unfold", "right", "l"),
		Last:      bind("G end", "the end", "G", "end"),
		OnValue:   bind("f", "detail: filter on this value", "f"),
		Graph:     bind("v", "detail: graph of the number", "v"),
		Changes:   bind("d", "detail: changes", "d"),
		Sort:      bind("S", "sort by the next column", "S"),
		Pin:       bind("*", "pin: list it first", "*"),
		Mute:      bind("M", "mute: list it last", "M"),
		View:      bind("x", "json, raw, hex, changes", "x"),
		Narrower:  bind("<", "narrower detail", "<"),
		Wider:     bind(">", "wider detail", ">"),
		Actions:   bind("a", "actions", "a"),
		Edit:      bind("e", "edit and publish", "e"),
		Clear:     bind("del", "clear what is retained", "delete"),
		Scale:     bind("=", "scale", "="),
		Publish:   bind("p", "publish", "p"),
		Tell:      bind("t", "tell", "t"),
		Record:    bind("r", "record to a file", "r"),
		Mouse:     bind("m", "mouse off, to select text", "m"),
		Help:      bind("?", "help", "?"),
		Back:      bind("esc", "back", "esc"),
		Redraw:    bind("ctrl+l", "redraw", "ctrl+l"),
		Suspend:   bind("ctrl+z", "suspend", "ctrl+z"),
		Quit:      bind("q", "quit", "q"),
		Leave:     bind("ctrl+c", "quit", "ctrl+c"),
	}
}

// full returns all keys in three columns, by what they are about.
func (k *keys) full() [][]key.Binding {
	keep, take := bind("ctrl+s", "in the filter: keep it", "ctrl+s"), bind("@", "in the filter: by name", "@") // the form's own
	return [][]key.Binding{
		{k.Stream, k.Topics, k.Senders, k.Next, k.Help, k.Back, k.Quit, k.Leave, k.Suspend, k.Redraw, k.Open, k.Close, k.OpenAll, k.Sort, k.Pin, k.Mute},
		{k.Up, k.Down, k.PageUp, k.PageDown, k.Home, k.End, k.Follow, k.Pause, k.Jump, k.Earlier, k.Later, k.Search, k.Previous, k.Narrower, k.Wider,
			k.ValueDown, k.Fold, k.OnValue, k.Graph, k.Changes},
		{k.Detail, k.View, k.Copy, k.Filter, keep, take, k.Only, k.Include, k.Exclude, k.Drop, k.Actions, k.Publish, k.Edit, k.Tell, k.Clear, k.Scale, k.Record, k.Mouse},
	}
}

// browsing returns the keys for the foot, the most useful first.
func (k *keys) browsing() []key.Binding {
	return []key.Binding{
		k.Filter, k.Pause, k.Follow, k.Detail, k.Actions, k.Search, k.Open, k.Close, k.OpenAll, k.Sort,
		k.Publish, k.Tell, k.Only, k.Record, k.Jump, k.Include, k.Exclude, k.Drop, k.Copy, k.Edit, k.Clear, k.Scale, k.Narrower, k.Wider, k.Help, k.Quit,
	}
}

// ofRow returns the keys that do something with the selected row.
func (k *keys) ofRow() []key.Binding {
	return []key.Binding{k.Detail, k.Only, k.Include, k.Exclude, k.Copy, k.Publish, k.Edit, k.Tell, k.Clear, k.Open, k.Close, k.Pin, k.Mute, k.Scale}
}

// inDetail returns the keys for the foot while a message fills the screen.
func (k *keys) inDetail() []key.Binding {
	return []key.Binding{k.Back, k.ValueDown, k.Fold, k.OnValue, k.Graph, k.Copy, k.Changes, k.View, k.Down, k.Up, k.PageDown, k.PageUp, k.Help, k.Quit}
}

// inHelp returns the keys for the foot of the help.
func (k *keys) inHelp() []key.Binding {
	return []key.Binding{k.Back, k.Up, k.Down, k.PageUp, k.PageDown, k.Quit}
}
