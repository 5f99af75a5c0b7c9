package detail

import "hellox/tui/cells"

// Folds reports whether there is JSON, of which values can be chosen.
func (p *Pane) Folds() bool { return p.document != nil && p.document.tree != nil }

// Move chooses the next value in a direction, 1 or -1, at first one on the screen.
// Where there is none it scrolls.
func (p *Pane) Move(by int) {
	if !p.Folds() {
		p.Scroll(by)
		return
	}
	from := p.chosen
	if from == noNode {
		from = p.first() - 1
		by = 1
	}
	if !p.choose(p.near(from, by)) {
		p.Scroll(by)
	}
}

// first returns the first node on the screen, or the first one below it.
func (p *Pane) first() int {
	tree := p.document.tree
	for at := 0; ; at++ {
		if at == len(tree.shown) {
			if p.document.nodesUntil(at, maxSteps); at == len(tree.shown) {
				return at
			}
		}
		if tree.shown[at].line >= p.top {
			return at
		}
	}
}

// near returns the next node after one, or before it, that is no closing bracket;
// noNode if there is none.
func (p *Pane) near(at, by int) int {
	tree := p.document.tree
	for at += by; at >= 0; at += by {
		if at >= len(tree.shown) {
			if p.document.nodesUntil(at, maxSteps); at >= len(tree.shown) {
				return noNode
			}
		}
		if !tree.shown[at].row.Closes {
			return at
		}
	}
	return noNode
}

// choose chooses a node, and brings it onto the screen.
func (p *Pane) choose(at int) bool {
	if at == noNode {
		return false
	}
	n := &p.document.tree.shown[at]
	p.chosen, p.key, p.node = at, n.key, nil
	room := p.room()
	p.document.layOut(n.line + room)
	last := n.line
	for last+1 < len(p.document.lines) && p.document.lines[last+1].of == at && last-n.line < room-1 {
		last++
	}
	p.top = max(min(p.top, n.line), last-room+1)
	p.Scroll(0)
	return true
}

// In unfolds the chosen value, or chooses the first one in it.
func (p *Pane) In() {
	if p.chosen == noNode {
		p.Move(1)
		return
	}
	switch n := &p.document.tree.shown[p.chosen]; {
	case n.folded:
		p.Fold(false)
	case n.row.Opens:
		p.choose(p.near(p.chosen, 1))
	}
}

// Out folds the chosen value, or chooses the one that it is in.
func (p *Pane) Out() {
	if p.chosen == noNode {
		return
	}
	tree := p.document.tree
	if n := &tree.shown[p.chosen]; n.row.Opens && !n.folded {
		p.Fold(true)
		return
	}
	if up := tree.ancestors(p.chosen); len(up) > 0 {
		p.choose(up[len(up)-1])
	}
}

// Fold folds the chosen value, or unfolds it.
func (p *Pane) Fold(fold bool) {
	if p.chosen == noNode || !p.document.tree.shown[p.chosen].row.Opens {
		return
	}
	at := p.chosen
	p.document.fold(at, fold)
	p.document.nodesUntil(at, 1)
	p.choose(at)
}

// ToggleFold folds the chosen value, or unfolds it if it is folded. It reports
// whether one is chosen.
func (p *Pane) ToggleFold() bool {
	if p.chosen == noNode {
		return false
	}
	p.Fold(!p.document.tree.shown[p.chosen].folded)
	return true
}

// Home goes to the beginning.
func (p *Pane) Home() {
	p.top = 0
	if p.chosen != noNode {
		p.choose(0)
		p.top = 0
	}
	p.Scroll(0)
}

// End goes to the end, or a good deal on in what is large.
func (p *Pane) End() {
	if p.document == nil {
		return
	}
	p.document.layOut(len(p.document.lines) + maxSteps)
	if p.chosen != noNode {
		p.choose(p.near(len(p.document.tree.shown), -1))
	}
	p.Scroll(len(p.document.lines))
}

// Click chooses the value at a place of the pane, and folds or unfolds it. It
// reports whether its name was clicked, which folds nothing.
func (p *Pane) Click(x, y int) (name bool) {
	if !p.Folds() || y >= p.room() || p.top+y >= len(p.document.lines) {
		return false
	}
	l := p.document.lines[p.top+y]
	if l.of == noNode || p.document.tree.shown[l.of].row.Closes {
		return false
	}
	tree := p.document.tree
	row, isFirst := tree.shown[l.of].row, tree.shown[l.of].line == p.top+y
	p.choose(l.of)
	if from := 1 + len(l.indent) + 2; isFirst && row.NameEnd > row.NameStart && x >= from && x < from+cells.Width(tree.nameOf(&row)) {
		return true
	}
	p.ToggleFold()
	return false
}
