package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/fxamacker/cbor/v2"
)

// Major types of CBOR (RFC 8949, 3.1).
const (
	cborBytes = 2
	cborText  = 3
	cborArray = 4
	cborMap   = 5
	cborTag   = 6
)

const indefinite = ^uint64(0) // the length of what ends with a break

var errNotCBOR = errors.New("not CBOR")

var cborMode = func() cbor.DecMode {
	mode, err := cbor.DecOptions{MaxNestedLevels: maxDepth, MaxArrayElements: maxInput, MaxMapPairs: maxInput}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// cborJSON returns JSON of a payload that is one array, map or tagged value in CBOR
// and nothing else. Other values are too short to tell from any other bytes.
func cborJSON(payload []byte) ([]byte, error) {
	if len(payload) < 2 || payload[0]>>5 < cborArray || payload[0]>>5 > cborTag || cborMode.Wellformed(payload) != nil {
		return nil, errNotCBOR
	}
	w := cborWriter{rest: payload}
	if err := w.value(); err != nil {
		return nil, err
	}
	return w.b, nil
}

// A cborWriter writes the values of rest, which is well-formed. The library
// decodes each value but arrays, maps and tags: it would lose the order of names,
// and those given twice.
type cborWriter struct {
	writer
	rest []byte
}

// head reads the argument of a value.
func (w *cborWriter) head() (arg uint64) {
	info := w.rest[0] & 31
	b := w.rest[1:]
	n := 0
	switch {
	case info < 24:
		arg = uint64(info)
	case info == 24:
		arg, n = uint64(b[0]), 1
	case info == 25:
		arg, n = uint64(binary.BigEndian.Uint16(b)), 2
	case info == 26:
		arg, n = uint64(binary.BigEndian.Uint32(b)), 4
	case info == 27:
		arg, n = binary.BigEndian.Uint64(b), 8
	default:
		arg = indefinite
	}
	w.rest = b[n:]
	return arg
}

// value writes the next value.
func (w *cborWriter) value() error {
	if err := w.check(); err != nil {
		return err
	}
	switch w.rest[0] >> 5 {
	case cborArray:
		return w.array()
	case cborMap:
		return w.object()
	case cborTag:
		return w.tagged()
	}
	return w.scalar()
}

// more reports whether another element follows the first i of n; it reads the
// break after the last one.
func (w *cborWriter) more(i, n uint64) bool {
	if n != indefinite {
		return i < n
	}
	if w.rest[0] != 0xff {
		return true
	}
	w.rest = w.rest[1:]
	return false
}

func (w *cborWriter) array() error {
	n := w.head()
	w.raw("[")
	for i := uint64(0); w.more(i, n); i++ {
		if i > 0 {
			w.raw(",")
		}
		if err := w.value(); err != nil {
			return err
		}
	}
	w.raw("]")
	return nil
}

func (w *cborWriter) object() error {
	n := w.head()
	w.raw("{")
	for i := uint64(0); w.more(i, n); i++ {
		name, err := w.key()
		if err != nil {
			return err
		}
		w.name(name, i == 0)
		if err := w.value(); err != nil {
			return err
		}
	}
	w.raw("}")
	return nil
}

// key reads the name of a member; one that is no text is named by its JSON.
func (w *cborWriter) key() (string, error) {
	if w.rest[0]>>5 == cborText {
		var name string
		rest, err := cborMode.UnmarshalFirst(w.rest, &name)
		w.rest = rest
		return name, err
	}
	key := cborWriter{rest: w.rest}
	err := key.value()
	w.rest = key.rest
	return string(key.b), err
}

// Tags whose value says all that a person needs (RFC 8949, 3.4).
const (
	tagTime     = 0
	tagEpoch    = 1
	tagPositive = 2 // a large number
	tagNegative = 3
	tagIsCBOR   = 55799
)

const maxNumber = 1024 // bytes of a large number; a longer one takes long to write in decimal

func (w *cborWriter) tagged() error {
	whole := w.rest
	tag := w.head()
	switch tag {
	case tagTime, tagEpoch, tagIsCBOR:
		return w.value()
	case tagPositive, tagNegative:
		var n big.Int
		if rest, err := cborMode.UnmarshalFirst(whole, &n); err == nil && n.BitLen() <= 8*maxNumber {
			w.rest = rest
			w.b = n.Append(w.b, 10)
			return nil
		}
	}
	w.raw(`{"tag":`)
	w.unsigned(tag)
	w.raw(`,"value":`)
	err := w.value()
	w.raw("}")
	return err
}

// scalar writes a number, a text, bytes, true, false or null.
func (w *cborWriter) scalar() error {
	var v any
	major, bits := w.rest[0]>>5, 64
	if w.rest[0] == 0xf9 || w.rest[0] == 0xfa {
		bits = 32 // a half is written as the single that it is, too
	}
	rest, err := cborMode.UnmarshalFirst(w.rest, &v)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotCBOR, err)
	}
	w.rest = rest
	switch v := v.(type) {
	case uint64:
		w.unsigned(v)
	case int64:
		w.signed(v)
	case big.Int:
		w.b = v.Append(w.b, 10)
	case float64:
		w.float(v, bits)
	case bool:
		w.boolean(v)
	case string:
		w.text(v)
	case []byte:
		w.bytes(v)
	case nil:
		w.raw("null")
	default: // a simple value without a meaning
		w.text(fmt.Sprintf("major type %d: %v", major, v))
	}
	return nil
}
