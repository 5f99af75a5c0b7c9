package step

import "errors"

// An Error is why a step failed: one sentence that says what is wrong, and
// beside it, as data, what to do about it.
type Error struct {
	Kind Kind
	// Sentence says what is wrong, without a full stop: `there is no
	// minikube profile "work"`.
	Sentence string
	// Hint is the next command to type, or what to change; empty if there
	// is nothing better to say than the sentence.
	Hint string
	// Evidence holds output of other programs, a line each, such as the last
	// log lines of a program that ended. Mostly empty.
	Evidence []string
	// Err is the cause, if the sentence does not hold it already; may be nil.
	Err error
}

// A Kind says what a caller can do about an Error. cmd/hellox turns it into
// the exit code of the same meaning.
type Kind int

// The kinds of an Error.
const (
	Failed    Kind = iota // it was tried and failed
	Ambiguous             // several things fit, or what was asked contradicts itself
	Missing               // something it needs does not exist or does not run
	Unsafe                // it is refused: the cluster is not proven to be local
)

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Sentence
	}
	return e.Sentence + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is an Error of kind k, or wraps one.
func Is(err error, k Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == k
}

// Evidence returns what other programs printed about err, a line each.
func Evidence(err error) []string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Evidence
	}
	return nil
}
