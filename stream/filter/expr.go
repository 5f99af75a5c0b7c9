package filter

import (
	"strings"
	"time"

	"hellox/stream"
)

// An Expr is one node of a Filter's expression: an And, an Or, a Not or a
// *Term. Its String is an expression that parses to the same meaning.
type Expr interface {
	String() string
	match(m *stream.Message, now time.Time) bool
}

// And is true when all of its two or more operands are.
type And []Expr

// Or is true when one of its two or more operands is.
type Or []Expr

// Not is true when X is false: also when X is false only because the message
// lacks what X looks at.
type Not struct{ X Expr }

func (e And) match(m *stream.Message, now time.Time) bool {
	for _, x := range e {
		if !x.match(m, now) {
			return false
		}
	}
	return true
}

func (e Or) match(m *stream.Message, now time.Time) bool {
	for _, x := range e {
		if x.match(m, now) {
			return true
		}
	}
	return false
}

func (e Not) match(m *stream.Message, now time.Time) bool { return !e.X.match(m, now) }

func (e And) String() string { return join(e, " ") }
func (e Or) String() string  { return join(e, " or ") }

func (e Not) String() string { return "not " + bracket(e.X) }

func join(operands []Expr, between string) string {
	s := make([]string, len(operands))
	for i, x := range operands {
		s[i] = bracket(x)
	}
	return strings.Join(s, between)
}

func bracket(x Expr) string {
	switch x.(type) {
	case And, Or:
		return "(" + x.String() + ")"
	}
	return x.String()
}

func hasKey(e Expr, k Key) bool {
	switch e := e.(type) {
	case And:
		return anyHasKey(e, k)
	case Or:
		return anyHasKey(e, k)
	case Not:
		return hasKey(e.X, k)
	case *Term:
		return e.Key == k
	}
	return false
}

func anyHasKey(operands []Expr, k Key) bool {
	for _, x := range operands {
		if hasKey(x, k) {
			return true
		}
	}
	return false
}

// Relax returns the narrowest expression made only of terms that can answer
// that is true wherever e is; nil if that is everything. So a history asks its
// indexes for what Relax returns, and Match for the rest. The result holds Not
// only directly around a *Term.
func Relax(e Expr, can func(*Term) bool) Expr {
	return relax(e, false, can)
}

// relax relaxes e, or its negation, with the negation pushed down to the terms
// (De Morgan): only there is it known which way to err.
func relax(e Expr, negated bool, can func(*Term) bool) Expr {
	switch e := e.(type) {
	case And:
		if negated {
			return relaxAny(e, negated, can)
		}
		return relaxAll(e, negated, can)
	case Or:
		if negated {
			return relaxAll(e, negated, can)
		}
		return relaxAny(e, negated, can)
	case Not:
		return relax(e.X, !negated, can)
	case *Term:
		switch {
		case !can(e):
			return nil
		case negated:
			return Not{e}
		}
		return e
	}
	return nil
}

func relaxAll(operands []Expr, negated bool, can func(*Term) bool) Expr {
	var all And
	for _, x := range operands {
		if x = relax(x, negated, can); x != nil {
			all = append(all, x)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

func relaxAny(operands []Expr, negated bool, can func(*Term) bool) Expr {
	some := make(Or, 0, len(operands))
	for _, x := range operands {
		if x = relax(x, negated, can); x == nil {
			return nil
		}
		some = append(some, x)
	}
	return some
}
