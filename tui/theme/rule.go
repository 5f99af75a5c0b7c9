package theme

import "hellox/tui/cells"

// rule is a line across the list that says something at its beginning.
func (p *Styles) Rule(sign, words string, w int) string {
	words = cells.Cut(" "+sign+" "+words+" ", w)
	return p.Red.Apply(words + cells.Repeat(sign, w-1-cells.Width(words)))
}
