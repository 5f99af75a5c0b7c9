package filter

import (
	"time"

	"hellox/stream"
)

// A Filter is a compiled expression of the filter language: terms side by side
// (and), or, not or -, and parentheses. [Terms] lists the terms. It is
// compiled once and may then be used from any goroutine; matching does not
// allocate.
type Filter struct {
	source string
	expr   Expr
	aged   bool // some term looks at the age
}

// Parse compiles an expression; an empty one is nil, which matches all.
// The error is a *Error, which has the column.
func Parse(expression string) (*Filter, error) {
	expr, err := parse(expression)
	if err != nil || expr == nil {
		return nil, err
	}
	return &Filter{expression, expr, hasKey(expr, KeyAge)}, nil
}

// Match reports whether m passes now. A nil Filter passes everything. The clock
// is read only for a filter that looks at the age.
func (f *Filter) Match(m *stream.Message) bool {
	var now time.Time
	if f != nil && f.aged {
		now = time.Now()
	}
	return f.MatchAt(m, now)
}

// MatchAt reports whether m passes at the time now, from which the age of m is
// measured. A nil Filter passes everything.
func (f *Filter) MatchAt(m *stream.Message, now time.Time) bool {
	return f == nil || f.expr.match(m, now)
}

// String returns the expression as it was written.
func (f *Filter) String() string {
	if f == nil {
		return ""
	}
	return f.source
}

// Expr returns the expression as a tree, which is shared: do not change it.
// It is nil for a nil Filter. Its String is the same for filters that differ
// in spelling only.
func (f *Filter) Expr() Expr {
	if f == nil {
		return nil
	}
	return f.expr
}
