package theme

import "hellox/tui/cells"

// Rule returns a line of w cells of sign, which begins with text.
func (s *Styles) Rule(sign, text string, w int) string {
	text = cells.Cut(" "+sign+" "+text+" ", w)
	return s.Red.Apply(text + cells.Repeat(sign, w-1-cells.Width(text)))
}
