package web

import "unicode"

// known tells whether this Go's Unicode tables know r. What is newer than they
// are, a browser may show while Go shows its number.
func known(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf, unicode.Co)
}
