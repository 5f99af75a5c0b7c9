package step

// An Error is what stops a step: one sentence that says what is wrong, and
// as data beside it what to do about it.
type Error struct {
	Kind Kind
	// Sentence says what is wrong, without a full stop: `there is no
	// minikube profile "work"`.
	Sentence string
	// Hint is the next command to type, or what to change; empty if there
	// is nothing better to say than the sentence.
	Hint string
	// Evidence is what was seen, a line each, as it was said by others: such
	// as the last words of a program that ended. Mostly empty.
	Evidence []string
	// Err is the cause that the sentence does not already hold; may be nil.
	Err error
}

// A Kind says what a caller can do about an Error. cmd/hellox turns it into
// the exit code of the same meaning.
type Kind int

const (
	Failed    Kind = iota // it was tried, and failed
	Ambiguous             // several things fit, or what was asked contradicts itself
	Missing               // something it needs is not there or does not run
	Unsafe                // it may not be done: not shown to be a local cluster
)

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Sentence
	}
	return e.Sentence + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }
