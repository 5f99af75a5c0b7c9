package stream

import (
	"fmt"
	"math"
	"testing"

	"github.com/lucasb-eyer/go-colorful"
)

// rgb is linear light, each of red, green and blue from 0 to 1.
func rgb(t *testing.T, hex string) [3]float64 {
	t.Helper()
	c, err := colorful.Hex(hex)
	if err != nil {
		t.Fatal(err)
	}
	r, g, b := c.LinearRgb()
	return [3]float64{r, g, b}
}

// contrast is that of WCAG 2.1.
func contrast(a, b [3]float64) float64 {
	luminance := func(c [3]float64) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }
	x, y := luminance(a), luminance(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

// eyes turn linear light into what they see of it (Machado, Oliveira and
// Fernandes 2009, severity 1).
var eyes = map[string][3][3]float64{
	"normal":      {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"red-blind":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"green-blind": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"blue-blind":  {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func see(c [3]float64, eye [3][3]float64) colorful.Color {
	var s [3]float64
	for i, row := range eye {
		s[i] = math.Min(1, math.Max(0, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
	}
	return colorful.LinearRgb(s[0], s[1], s[2])
}

func oklab(c colorful.Color) [3]float64 {
	l, a, b := c.OkLab()
	return [3]float64{l, a, b}
}

func TestPaletteContrast(t *testing.T) {
	for _, c := range Palette() {
		if got := contrast(rgb(t, c.Light), rgb(t, LightBackground)); got < 3 {
			t.Errorf("%s on light: contrast %.2f", c.Hue, got)
		}
		if got := contrast(rgb(t, c.Dark), rgb(t, DarkBackground)); got < 3 {
			t.Errorf("%s on dark: contrast %.2f", c.Hue, got)
		}
	}
}

// A just noticeable difference is about 0.02 in OKLab; the hues are to be five
// of them apart for everybody.
func TestPaletteStaysApart(t *testing.T) {
	p := Palette()
	for name, eye := range eyes {
		for i := range hues {
			for j := range i {
				for _, hex := range [][2]string{{p[i].Light, p[j].Light}, {p[i].Dark, p[j].Dark}} {
					a, b := oklab(see(rgb(t, hex[0]), eye)), oklab(see(rgb(t, hex[1]), eye))
					d := math.Sqrt(math.Pow(a[0]-b[0], 2) + math.Pow(a[1]-b[1], 2) + math.Pow(a[2]-b[2], 2))
					if d < 0.1 {
						t.Errorf("%s eyes see %s and %s (%s, %s) %.3f apart", name, p[i].Hue, p[j].Hue, hex[0], hex[1], d)
					}
				}
			}
		}
	}
}

func TestColorOf(t *testing.T) {
	seen := map[int]bool{}
	for i, c := range Palette() {
		if c.Index != i || c.Mark != i/8 {
			t.Errorf("palette %d is %+v", i, c)
		}
		// A declared hue is kept, whichever variety declares it.
		for _, hex := range []string{c.Light, c.Dark} {
			if got := ColorOf("anybody", hex); got.Hue != c.Hue {
				t.Errorf("declared %s is %+v", hex, got)
			}
		}
	}
	for i := range 10_000 {
		id := fmt.Sprintf("broadcast-%d", i)
		c := ColorOf(id, "")
		seen[c.Index] = true
		if ColorOf(id, "#123456") != c || ColorOf(id, c.Light) != c {
			t.Fatalf("%s has two colours", id)
		}
	}
	if len(seen) != 16 {
		t.Errorf("10,000 senders have %d of 16 colours", len(seen))
	}
	// The first few of a fleet, which people see most, differ.
	first := map[string]bool{}
	for i := range 8 {
		first[ColorOf(fmt.Sprintf("broadcast-%d", i), "").Hue] = true
	}
	if len(first) != 8 {
		t.Errorf("broadcast-0 to -7 have %d hues: %v", len(first), first)
	}
	// The page's and another machine's answer is the same: these never change.
	if got := ColorOf("broadcast-0", "").Index; got != 1 {
		t.Errorf("broadcast-0 has colour %d", got)
	}
}
