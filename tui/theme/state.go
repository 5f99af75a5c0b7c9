package theme

import "hellox/stream"

// Sign returns the shape that stands for a sender's state.
func Sign(state stream.State) string {
	switch state {
	case stream.OnTime:
		return "●"
	case stream.Late:
		return "◐"
	case stream.Silent:
		return "○"
	case stream.Paused:
		return "‖"
	case stream.Unknown:
		return "◌"
	case stream.Gone:
		return "×"
	case stream.Lost:
		return "⨯"
	}
	return "?"
}

// State returns the style of a sender's state.
func (s *Styles) State(state stream.State) Style {
	switch state {
	case stream.OnTime:
		return s.Green
	case stream.Late:
		return s.Amber
	case stream.Silent, stream.Lost:
		return s.Red
	}
	return s.Grey
}
