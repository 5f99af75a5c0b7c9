package theme

import "hellox/stream"

// sign is the shape of a state.
func Sign(s stream.State) string {
	switch s {
	case stream.OnTime:
		return "●"
	case stream.Late:
		return "◐"
	case stream.Silent:
		return "○"
	case stream.Gone:
		return "×"
	case stream.Lost:
		return "⨯"
	}
	return "?"
}

// pen is the colour of a state.
func (p *Styles) State(s stream.State) Style {
	switch s {
	case stream.OnTime:
		return p.Green
	case stream.Late:
		return p.Amber
	case stream.Silent, stream.Lost:
		return p.Red
	}
	return p.Grey
}
