package form

// A Status is the state of a form after a key.
type Status int

// The states of a form.
const (
	Editing   Status = iota // the form stays as it is
	Closed                  // the user has left it
	Submitted               // there is a result
	Keep                    // the filter is to be kept under a name
	Forget                  // a named filter is to be forgotten
	Edit                    // the text is to be edited in an editor
)
