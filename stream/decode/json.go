package decode

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"hellox/stream"
)

var errTooLarge = fmt.Errorf("decoded it is larger than %d MiB", maxOutput>>20)

var errTooDeep = errors.New("values are nested too deep")

// A writer writes JSON of bounded size.
type writer struct{ b []byte }

// check returns an error once the result is too large. It is called for each
// value, none of which is longer than a few times the payload.
func (w *writer) check() error {
	if len(w.b) > maxOutput {
		return errTooLarge
	}
	return nil
}

func (w *writer) raw(s string)         { w.b = append(w.b, s...) }
func (w *writer) text(s string)        { w.b = stream.AppendString(w.b, s) }
func (w *writer) unsigned(n uint64)    { w.b = strconv.AppendUint(w.b, n, 10) }
func (w *writer) signed(n int64)       { w.b = strconv.AppendInt(w.b, n, 10) }
func (w *writer) boolean(v bool)       { w.b = strconv.AppendBool(w.b, v) }
func (w *writer) bytes(content []byte) { w.raw(`"h'` + hex.EncodeToString(content) + `'"`) } // as RFC 8949, 8 writes them

// float writes the shortest number that is f in so many bits.
func (w *writer) float(f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.text(strconv.FormatFloat(f, 'g', -1, bits)) // JSON has no such number
		return
	}
	w.b = strconv.AppendFloat(w.b, f, 'g', -1, bits)
}

// name writes the name of a member, after a comma unless it is the first one.
func (w *writer) name(s string, first bool) {
	if !first {
		w.raw(",")
	}
	w.text(s)
	w.raw(":")
}
