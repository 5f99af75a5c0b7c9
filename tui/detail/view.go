package detail

// A View is a way to show a payload.
type View int

// The views of a payload, in the order of the page's tabs.
const (
	JSON    View = iota // indented JSON, which folds
	Decoded             // what the payload holds: see stream/decode
	Raw                 // text
	Hex
	Changes // since the sender's previous message
	views   // how many
)

// A set tells which views a payload has.
type set [views]bool

// shown returns the view that a payload has in the place of v.
func (s *set) shown(v View) View {
	for _, one := range []View{v, Decoded, Raw} {
		if s[one] {
			return one
		}
	}
	return Hex
}

// after returns the next view that there is after v.
func (s *set) after(v View) View {
	for v = (v + 1) % views; !s[v]; {
		v = (v + 1) % views
	}
	return v
}
