package main

import "slices"

// parts are the steps that a figure consists of, in their order, each with a value a
// round.
type parts struct {
	names  []string
	values map[string][]float64
}

func newParts() *parts { return &parts{values: make(map[string][]float64)} }

func (p *parts) add(name string, seconds float64) {
	if !slices.Contains(p.names, name) {
		p.names = append(p.names, name)
	}
	p.values[name] = append(p.values[name], seconds)
}

// addDone adds the steps of an up that are done.
func (p *parts) addDone(events []event) {
	for _, e := range events {
		if e.State == "done" {
			p.add(e.Step, e.MS/1000)
		}
	}
}

// figures adds a line each to the table.
func (p *parts) figures(prefix string, to *figures) {
	for _, name := range p.names {
		to.add(prefix+name, "s", "", p.values[name]...)
	}
}
