package main

import (
	"fmt"
	"io"
)

// A figure is one line of the table.
type figure struct {
	name, unit, aim string
	values          []float64 // one a round
}

func (b *bench) add(name, unit, aim string, values ...float64) {
	b.figures = append(b.figures, figure{name, unit, aim, values})
}

// print writes the table in Markdown.
func (b *bench) print(w io.Writer) {
	fmt.Fprintf(w, "| Figure | Median | From | To | Unit | Aim | n |\n|---|--:|--:|--:|---|---|--:|\n")
	for _, f := range b.figures {
		middle := median(f.values)
		fmt.Fprintf(w, "| %s | %.2f | %.2f | %.2f | %s | %s | %d |\n",
			f.name, middle, f.values[0], f.values[len(f.values)-1], f.unit, f.aim, len(f.values))
	}
}
