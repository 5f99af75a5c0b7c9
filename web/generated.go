package web

import (
	"bytes"
	"encoding/json"
	"fmt"

	"hellox/stream"
)

// The page takes its colours, and the words of its help, from stream, as the
// terminal does: what both must agree on is written here for the browser.

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

// module is an ES module that exports value, which Go and the page share.
func module(name string, value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // lists of strings and numbers always marshal
	}
	return fmt.Appendf(nil, "// Written by the server.\nexport const %s = %s;\n", name, body)
}
