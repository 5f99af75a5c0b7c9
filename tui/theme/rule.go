package theme

import "hellox/tui/cells"

// Rule returns a line of w cells of sign, which begins with text.
func (s *Styles) Rule(sign, text string, w int) string {
	return s.Red.Apply(ruleText(sign, text, w))
}

// Begin is Rule for what is no trouble.
func (s *Styles) Begin(text string, w int) string { return s.Grey.Apply(ruleText("─", text, w)) }

func ruleText(sign, text string, w int) string {
	text = cells.Cut(" "+sign+" "+text+" ", w)
	return text + cells.Repeat(sign, w-1-cells.Width(text))
}
