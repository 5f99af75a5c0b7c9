package web

import (
	"bytes"
	"encoding/json"
	"fmt"

	"hellox/stream"
)

// What the page must agree on with Go is generated here from the same tables
// that the terminal and the server use: colours, the help of the filter language,
// limits.

// paletteCSS returns a style sheet that declares --paper and --hue0 … --hue7
// for the light and the dark theme.
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

// limits returns the server's limits that the page's own must fit.
func limits() map[string]int64 {
	return map[string]int64{
		"stats_ms":     statsIdle.Milliseconds(),
		"filter_bytes": maxValue,
	}
}

// module returns an ES module that exports value under name.
func module(name string, value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return fmt.Appendf(nil, "// Written by the server.\nexport const %s = %s;\n", name, body)
}
