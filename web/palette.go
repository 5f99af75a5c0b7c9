package web

import (
	"bytes"
	"encoding/json"
	"fmt"

	"hellox/stream"
)

// The page takes its colours from stream, as the terminal does: style sheet
// and module are written from the one palette.

// paletteCSS declares --hue0 … --hue7 for light and for dark.
func paletteCSS() []byte {
	var light, dark bytes.Buffer
	for _, c := range stream.Palette() {
		if c.Mark == 0 {
			fmt.Fprintf(&light, "  --hue%d: %s;\n", c.Index, c.Light)
			fmt.Fprintf(&dark, "  --hue%d: %s;\n", c.Index, c.Dark)
		}
	}
	return fmt.Appendf(nil, `:root {
  --paper: %s;
%s}
:root[data-theme="dark"] {
  --paper: %s;
%s}
`, stream.LightBackground, light.String(), stream.DarkBackground, dark.String())
}

// paletteJS exports the same palette, for what a sender declares.
func paletteJS() []byte {
	list, err := json.Marshal(stream.Palette())
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return fmt.Appendf(nil, "// stream.Palette.\nexport const palette = %s;\n", list)
}
