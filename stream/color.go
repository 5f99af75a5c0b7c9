package stream

import (
	"hash/fnv"
	"strings"
)

// A Color is what a sender is known by at a glance: one of eight hues, and the
// mark that tells two senders of one hue apart. It colours a bar or a dot
// beside the name, never text.
type Color struct {
	Index int    `json:"index"` // 0 to 15: hue + 8 * mark
	Hue   string `json:"hue"`   // its name
	Mark  int    `json:"mark"`  // 0 or 1: the first or the second mark
	Light string `json:"light"` // #rrggbb on a light background
	Dark  string `json:"dark"`  // #rrggbb on a dark background
}

// The backgrounds that the palette is made for: each colour has a contrast of
// at least 3:1 on its own.
const (
	LightBackground = "#ffffff"
	DarkBackground  = "#0d1117"
)

// hues follow Okabe and Ito, moved until every two of one background are as far
// apart as can be for normal, red-blind, green-blind and blue-blind eyes.
var hues = [8]struct{ name, light, dark string }{
	{"orange", "#8c6700", "#e8a324"},
	{"sky", "#0394fb", "#3db6ff"},
	{"green", "#248a77", "#97fbe6"},
	{"yellow", "#939619", "#f6e934"},
	{"blue", "#0e3e6f", "#1365f1"},
	{"vermilion", "#6a2307", "#dd2700"},
	{"pink", "#fd2ec9", "#9b5494"},
	{"grey", "#5b5655", "#9c9a97"},
}

// Palette returns all colours by their index.
func Palette() [16]Color {
	var p [16]Color
	for i := range p {
		p[i] = colorAt(i)
	}
	return p
}

func colorAt(i int) Color {
	h := hues[i%len(hues)]
	return Color{Index: i, Hue: h.name, Mark: i / len(hues), Light: h.light, Dark: h.dark}
}

// ColorOf is the colour of a sender: the hue that it declared, if that is one
// of the palette (in its light or its dark variety), else one by its name. The
// mark is always by its name. It is the same everywhere and for ever.
func ColorOf(sender, declared string) Color {
	h := fnv.New32a()
	_, _ = h.Write([]byte(sender))
	i := int(h.Sum32() % uint32(2*len(hues)))
	for hue, c := range hues {
		if strings.EqualFold(declared, c.light) || strings.EqualFold(declared, c.dark) {
			return colorAt(hue + i/len(hues)*len(hues))
		}
	}
	return colorAt(i)
}
