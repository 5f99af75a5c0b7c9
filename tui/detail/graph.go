package detail

import (
	"math/big"
	"time"

	"github.com/NimbleMarkets/ntcharts/canvas"
	"github.com/NimbleMarkets/ntcharts/canvas/graph"

	"hellox/stream"
	"hellox/stream/filter"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// Lines of the graph, and digits of the numbers beside it.
const (
	minGraph  = 3
	maxGraph  = 10
	maxNumber = 24
)

// A Number is one of those that a graph is drawn of.
type Number struct {
	ID     int64
	At     time.Time
	Source string // as it was sent
}

// A Series is the number at a path in the messages of one sender and topic, the
// oldest first.
type Series struct {
	Numbers []Number
	Among   int // so many messages were read
	Err     error
}

// A numbersGraph draws the number at a path over time.
type numbersGraph struct {
	path   filter.Path
	of     int64 // the message that it was read for; 0: none yet
	series Series
	points []point
	least  string // as they were sent
	most   string
	zone   *time.Location
}

// A point is where a number is: x and y are from 0 to 1.
type point struct {
	id   int64
	x, y float64
}

// precision is that of the places of numbers, in bits: the last digits of large
// ones are seen.
const precision = 512

// take takes the numbers in.
func (g *numbersGraph) take(of int64, s Series) {
	g.of, g.series, g.points = of, s, nil
	values := make([]*big.Float, 0, len(s.Numbers))
	numbers := make([]Number, 0, len(s.Numbers))
	var least, most *big.Float
	for _, n := range s.Numbers {
		v, _, err := big.ParseFloat(n.Source, 10, precision, big.ToNearestEven)
		if err != nil || v.IsInf() { // it has an exponent that no graph has room for
			continue
		}
		values, numbers = append(values, v), append(numbers, n)
		if least == nil || v.Cmp(least) < 0 {
			least, g.least = v, n.Source
		}
		if most == nil || v.Cmp(most) > 0 {
			most, g.most = v, n.Source
		}
	}
	if len(values) < 2 {
		return
	}
	first, span := numbers[0].At, numbers[len(numbers)-1].At.Sub(numbers[0].At)
	height := new(big.Float).SetPrec(precision).Sub(most, least)
	for i, v := range values {
		p := point{id: numbers[i].ID, x: 0.5, y: 0.5}
		if span > 0 {
			p.x = min(max(float64(numbers[i].At.Sub(first))/float64(span), 0), 1)
		}
		if height.Sign() > 0 {
			y := new(big.Float).SetPrec(precision).Sub(v, least)
			p.y, _ = y.Quo(y, height).Float64()
		}
		g.points = append(g.points, p)
	}
}

// words say what is drawn, or why nothing is.
func (g *numbersGraph) words() string {
	name, n := g.path.Text(), len(g.points)
	switch {
	case g.of == 0:
		return name + ": …"
	case g.series.Err != nil:
		return cells.Clean(g.series.Err.Error(), maxNumber*10)
	case n < 2:
		return name + ": fewer than two numbers in the newest " + units.Plural(g.series.Among, "message") + " of this sender"
	}
	first, last := g.series.Numbers[0].At, g.series.Numbers[len(g.series.Numbers)-1].At
	return name + ": " + units.Count(uint64(n)) + " numbers, " + g.clock(first) + " to " + g.clock(last)
}

func (g *numbersGraph) clock(t time.Time) string { return t.In(g.zone).Format(time.TimeOnly) }

// lines draws the graph in n lines of w cells: words, and below them the numbers,
// that of the message with an ID marked. The largest and the least stand beside it.
func (g *numbersGraph) lines(t *theme.Theme, id int64, w, n int) []string {
	lines := []string{t.Grey.Apply(cells.Cut(" "+g.words(), w))}
	most, least := cells.Clean(g.most, maxNumber), cells.Clean(g.least, maxNumber)
	beside := max(cells.Width(most), cells.Width(least))
	across := w - beside - 3
	if len(g.points) < 2 || across < 2 || n < 2 {
		for len(lines) < n {
			lines = append(lines, "")
		}
		return lines
	}
	rows, mark := g.draw(id, across, n-1)
	for i, row := range rows {
		label := ""
		switch i {
		case 0:
			label = most
		case len(rows) - 1:
			label = least
		}
		drawn := t.Accent.Apply(string(row))
		if mark >= 0 {
			drawn = t.Accent.Apply(string(row[:mark])) + theme.Reverse.Apply(t.Accent.Apply(string(row[mark]))) + t.Accent.Apply(string(row[mark+1:]))
		}
		lines = append(lines, " "+drawn+" "+t.Grey.Apply(label))
	}
	return lines
}

// draw draws the points in braille, of w by h cells. mark is the column of the
// message with an ID; -1: it is none of them.
func (g *numbersGraph) draw(id int64, w, h int) (rows [][]rune, mark int) {
	grid := graph.NewBrailleGrid(w, h, 0, 1, 0, 1)
	mark = -1
	var before canvas.Point
	for i, p := range g.points {
		at := grid.GridPoint(canvas.Float64Point{X: p.x, Y: p.y})
		if i == 0 {
			before = at
		}
		for _, one := range graph.GetLinePoints(before, at) {
			grid.Set(one)
		}
		before = at
		if p.id == id {
			mark = min(max(at.X/2, 0), w-1)
		}
	}
	return grid.BraillePatterns(), mark
}

// graphLines returns how many lines the graph takes.
func (p *Pane) graphLines() int {
	if p.graph == nil {
		return 0
	}
	return min(max(p.h/3, minGraph), maxGraph, max(p.h-2, 0))
}

// ToggleGraph shows the graph of the chosen number, or hides it. It reports whether
// there is anything to show or hide.
func (p *Pane) ToggleGraph() bool {
	node, ok := p.Chosen()
	switch {
	case ok && node.Number && node.Plain && (p.graph == nil || p.graph.path.String() != node.Path.String()):
		p.graph = &numbersGraph{path: node.Path, zone: p.zone()}
		p.choose(p.chosen)
	default:
		return p.CloseGraph()
	}
	p.Scroll(0)
	return true
}

// CloseGraph hides the graph. It reports whether one was shown.
func (p *Pane) CloseGraph() bool {
	if p.graph == nil {
		return false
	}
	p.graph = nil
	p.Scroll(0)
	return true
}

// HasGraph reports whether a graph is shown.
func (p *Pane) HasGraph() bool { return p.graph != nil }

// Graphs returns the path whose numbers are wanted, and false if none are: those that
// are shown are of the message that is.
func (p *Pane) Graphs() (filter.Path, bool) {
	if p.graph == nil || p.of == nil || p.graph.of == p.of.ID || p.graph.holds(p.of) {
		return nil, false
	}
	return p.graph.path, true
}

// holds reports whether the number of m is drawn.
func (g *numbersGraph) holds(m *stream.Message) bool {
	for i := range g.points {
		if g.points[i].id == m.ID {
			return true
		}
	}
	return false
}

// Draw takes in the numbers at a path that were read for the message with an ID.
func (p *Pane) Draw(of int64, path filter.Path, s Series) {
	if p.graph != nil && p.graph.path.String() == path.String() {
		p.graph.take(of, s)
	}
}
