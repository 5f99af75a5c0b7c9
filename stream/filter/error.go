package filter

import "fmt"

// An Error says what is wrong with an expression, and where.
type Error struct {
	Column   int    // where, in characters from 1; one past the last at the end
	Expected string // what was expected there
	Found    string // what stands there, shortened; "" at the end
}

// Error returns one sentence that is safe to print.
func (e *Error) Error() string {
	if e.Found == "" {
		return fmt.Sprintf("column %d of the filter: expected %s, but it ends here", e.Column, e.Expected)
	}
	return fmt.Sprintf("column %d of the filter: expected %s, not %q", e.Column, e.Expected, e.Found)
}
