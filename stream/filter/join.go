package filter

// Join returns the expression that is true where both are. Either may be nil.
func Join(a, b *Filter) string {
	switch {
	case a == nil:
		return b.String()
	case b == nil:
		return a.String()
	}
	return part(a) + " " + part(b)
}

// part returns f's expression as one of several that stand side by side.
func part(f *Filter) string {
	if _, ok := f.Expr().(Or); ok {
		return "(" + f.String() + ")"
	}
	return f.String()
}

// Parts returns the terms of f that stand side by side.
func Parts(f *Filter) []string {
	switch e := f.Expr().(type) {
	case nil:
		return nil
	case And:
		parts := make([]string, len(e))
		for i, x := range e {
			parts[i] = x.String()
			if _, ok := x.(Or); ok {
				parts[i] = "(" + parts[i] + ")"
			}
		}
		return parts
	}
	return []string{f.String()}
}

// Exactly returns the term that is true of messages whose sender or topic is this
// one: key is "sender" or "topic".
func Exactly(key, value string) string { return key + "=" + quoteWord(value) }

// Below returns the term that is true of messages of a topic and of all below it.
func Below(topic string) string { return "topic:" + quoteWord(topic+"/#") }
