package theme

import "hellox/stream"

// Marks returns the signs of a retained and of a reordered message.
func Marks(m *stream.Message) string {
	s := ""
	if m.Retained {
		s += "▣ "
	}
	if m.Reordered {
		s += "↶ "
	}
	return s
}
