package web

import (
	"slices"
	"unicode"

	"hellox/stream/safetext"
)

// visibleRanges returns the first and the last of each range of characters that
// safetext.Visible reports, ascending. The page builds its own test from them,
// so that it agrees with Go even on characters that a newer Unicode assigns.
func visibleRanges() [][2]rune {
	var ranges [][2]rune
	points := changes()
	for i, r := range points {
		if !safetext.Visible(r) {
			continue
		}
		last := points[i+1] - 1
		if n := len(ranges); n > 0 && ranges[n-1][1] == r-1 {
			ranges[n-1][1] = last
		} else {
			ranges = append(ranges, [2]rune{r, last})
		}
	}
	return ranges
}

// changes returns the characters at which the answer of safetext.Visible may
// change, ascending: the bounds of the Unicode tables. To ask for each of the
// 1.1 million characters would take a tenth of a second.
func changes() []rune {
	points := []rune{0, 0x7f, unicode.MaxLatin1 + 1, unicode.MaxRune + 1}
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			points = append(points, lo, hi+1)
			return
		}
		for r := lo; r <= hi; r += stride {
			points = append(points, r, r+1)
		}
	}
	for _, table := range append(slices.Clone(unicode.GraphicRanges), unicode.Other_Default_Ignorable_Code_Point) {
		for _, r := range table.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range table.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	slices.Sort(points)
	return slices.Compact(points)
}
