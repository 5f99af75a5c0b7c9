package detail

// A View is a way to show a payload.
type View int

// The views of a payload.
const (
	JSON View = iota // indented JSON, else as Raw
	Raw              // text, else as Hex
	Hex
	views // how many
)

// Next returns the view after v, and the first one after the last.
func (v View) Next() View { return (v + 1) % views }
