package form

import "github.com/charmbracelet/bubbles/key"

// keys are the keys of all forms. Every other key is typed.
type keys struct {
	Apply, Search, Send, Go, Revert, Close, Next, Previous, Past, Earlier, Later key.Binding
	Mark, Take, Edit, Complete, Keep, Name, Forget                               key.Binding
}

func newKeys() keys {
	bind := func(help, does string, names ...string) key.Binding {
		for _, n := range names {
			names = append(names, "alt+"+n)
		}
		return key.NewBinding(key.WithKeys(names...), key.WithHelp(help, does))
	}
	return keys{
		Apply:    bind("enter", "apply", "enter"),
		Search:   bind("tab", "search, hide nothing", "tab"),
		Go:       bind("enter", "go", "enter"),
		Past:     bind("↑ ↓", "past filters", "up", "down"),
		Mark:     bind("↑ ↓", "mark", "up", "down"),
		Take:     bind("enter", "take it", "enter"),
		Edit:     bind("ctrl+e", "edit in $EDITOR", "ctrl+e"),
		Complete: bind("tab", "complete", "tab"),
		Keep:     bind("ctrl+s", "keep under a name", "ctrl+s"),
		Name:     bind("enter", "keep", "enter"),
		Forget:   bind("del", "forget", "delete", "ctrl+d"),
		Send:     bind("enter", "send", "enter"),
		Revert:   bind("esc", "leave it as it was", "esc"),
		Close:    bind("esc", "close", "esc"),
		Next:     bind("tab", "next field", "tab", "down"),
		Earlier:  bind("ctrl+p", "earlier message", "ctrl+p"),
		Later:    bind("ctrl+n", "later message", "ctrl+n"),
		Previous: bind("shift+tab", "previous field", "shift+tab", "up"),
	}
}
