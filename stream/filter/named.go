package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A Named is a filter that a user has given a name. @NAME stands for it.
type Named struct{ Name, Expression string }

// maxName is the largest number of characters of a name.
const maxName = 60

// CheckName returns why name cannot be that of a filter.
func CheckName(name string) error {
	switch n := len([]rune(name)); {
	case n == 0:
		return errors.New("a filter needs a name to be kept")
	case n > maxName:
		return fmt.Errorf("the name of a filter has at most %d characters, not %d", maxName, n)
	}
	for _, r := range name {
		if !unicode.In(r, unicode.L, unicode.N, unicode.M) && !strings.ContainsRune("-_.", r) {
			return fmt.Errorf("the name of a filter has letters, digits, -, _ and ., not %q", r)
		}
	}
	return nil
}

// A NameError is an @NAME for which there is no filter.
type NameError struct {
	Name  string
	Named []Named // those that there are
}

// Error returns one sentence that is safe to print.
func (e *NameError) Error() string {
	const most = 5
	if space := strings.IndexFunc(e.Name, unicode.IsSpace); space > 0 && CheckName(e.Name[:space]) == nil {
		return "@" + e.Name[:space] + " stands alone: it cannot be combined with other terms"
	}
	if len(e.Named) == 0 {
		return fmt.Sprintf("there is no filter named %q, nor any other", e.Name)
	}
	var names []string
	for _, n := range e.Named[:min(most, len(e.Named))] {
		names = append(names, "@"+n.Name)
	}
	if len(e.Named) > most {
		names = append(names, "…")
	}
	return fmt.Sprintf("there is no filter named %q; there are %s", e.Name, strings.Join(names, ", "))
}

// ParseNamed is Parse for what may be an @NAME. What is wrong in the expression that
// it stands for is an error that begins with the @NAME.
func ParseNamed(expression string, named []Named) (*Filter, error) {
	expanded, err := Expand(expression, named)
	if err != nil {
		return nil, err
	}
	f, err := Parse(expanded)
	if err != nil && expanded != expression {
		err = fmt.Errorf("%s: %w", strings.TrimSpace(expression), err)
	}
	return f, err
}

// Expand returns the expression that an @NAME stands for; any other expression it
// returns as it is. In quotes "@NAME" is a word like others.
func Expand(expression string, named []Named) (string, error) {
	name, ok := strings.CutPrefix(strings.TrimSpace(expression), "@")
	if !ok {
		return expression, nil
	}
	if i := slices.IndexFunc(named, func(n Named) bool { return n.Name == name }); i >= 0 {
		return named[i].Expression, nil
	}
	return "", &NameError{name, named}
}

// Matching returns the named filters that a beginning of an @NAME may go on to; those
// whose names begin so come first.
func Matching(beginning string, named []Named) (all []Named) {
	part, ok := strings.CutPrefix(beginning, "@")
	if !ok {
		return nil
	}
	part = strings.ToLower(part)
	var inside []Named
	for _, n := range named {
		switch name := strings.ToLower(n.Name); {
		case strings.HasPrefix(name, part):
			all = append(all, n)
		case strings.Contains(name, part):
			inside = append(inside, n)
		}
	}
	return append(all, inside...)
}
