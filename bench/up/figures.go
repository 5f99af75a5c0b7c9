package main

import (
	"fmt"
	"io"
	"slices"

	"hellox/bench/rig"
)

// A figure is one line of the table.
type figure struct {
	name, unit, aim string
	values          []float64 // one a round
}

// figures is the table, in the order of measuring.
type figures []figure

func (f *figures) add(name, unit, aim string, values ...float64) {
	*f = append(*f, figure{name, unit, aim, values})
}

// print writes the table in Markdown.
func (f figures) print(w io.Writer) {
	fmt.Fprintf(w, "| Figure | Median | From | To | Unit | Aim | n |\n|---|--:|--:|--:|---|---|--:|\n")
	for _, row := range f {
		slices.Sort(row.values)
		fmt.Fprintf(w, "| %s | %.2f | %.2f | %.2f | %s | %s | %d |\n",
			row.name, rig.Median(row.values), row.values[0], row.values[len(row.values)-1], row.unit, row.aim, len(row.values))
	}
}
