package theme

import "hellox/tui/cells"

// Rule returns a line of w cells of sign, which begins with words.
func (s *Styles) Rule(sign, words string, w int) string {
	words = cells.Cut(" "+sign+" "+words+" ", w)
	return s.Red.Apply(words + cells.Repeat(sign, w-1-cells.Width(words)))
}
