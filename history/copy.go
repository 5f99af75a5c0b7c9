package history

import "errors"

// The errors of a history that cannot be copied, or copied to. It is left as it is.
var (
	ErrNotEmpty   = errors.New("there are messages in it already")
	ErrOtherCopy  = errors.New("it is an unfinished copy of another history, or of this one as it was before")
	ErrUnfinished = errors.New("it is a copy that has not been finished: copy again, then it goes on")
	ErrAppended   = errors.New("a receiver appends to it")
	ErrNoHistory  = errors.New("there is no history")
)

// CopyDone begins what names the source of a copy, where a history notes it, once all of it
// is copied: one that was ended while it was compared is only compared again.
const CopyDone = "copied "
