package decode

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// isSparkplug reports whether a payload of the topic is Sparkplug B (3.0, 4.1):
// spBv1.0/GROUP/TYPE/NODE[/DEVICE], at any level, since bridges put names before it.
func isSparkplug(topic string) bool {
	levels := strings.Split(topic, "/")
	at := slices.Index(levels, "spBv1.0")
	if at < 0 || len(levels) < at+4 {
		return false
	}
	switch levels[at+2] {
	case "NBIRTH", "NDEATH", "NDATA", "NCMD", "DBIRTH", "DDEATH", "DDATA", "DCMD":
		return true
	}
	return false
}

// A kind says how a field's value is written.
type kind int

const (
	number   kind = iota // unsigned, 64 bits
	integer              // its sign and size are the data type's
	single               // floating point, 32 bits
	double               // floating point, 64 bits
	boolean              // true or false
	text                 // UTF-8
	octets               // bytes
	dataType             // the number of a data type, written by its name
	nested               // a message
	pairs                // a PropertySet: names and values beside each other
	table                // a DataSet: its columns have the data types
)

// wire returns how a value of the kind is sent.
func (k kind) wire() protowire.Type {
	switch k {
	case single:
		return protowire.Fixed32Type
	case double:
		return protowire.Fixed64Type
	case text, octets, nested, pairs, table:
		return protowire.BytesType
	}
	return protowire.VarintType
}

// A field is one of a message.
type field struct {
	number   protowire.Number
	name     string
	kind     kind
	repeated bool
	of       messageType // nested
}

type messageType int

const (
	noMessage messageType = iota
	payloadMessage
	metricMessage
	metaDataMessage
	propertyMessage
	propertySetList
	templateMessage
	parameterMessage
)

// messages are those of sparkplug_b.proto, each with its fields in the order in
// which they are written.
var messages = [...][]field{
	payloadMessage: {
		{1, "timestamp", number, false, 0}, {2, "metrics", nested, true, metricMessage}, {3, "seq", number, false, 0},
		{4, "uuid", text, false, 0}, {5, "body", octets, false, 0},
	},
	metricMessage: append([]field{
		{1, "name", text, false, 0}, {2, "alias", number, false, 0}, {3, "timestamp", number, false, 0}, {4, "datatype", dataType, false, 0},
		{5, "is_historical", boolean, false, 0}, {6, "is_transient", boolean, false, 0}, {7, "is_null", boolean, false, 0},
		{8, "metadata", nested, false, metaDataMessage}, {9, "properties", pairs, false, 0},
		{16, "value", octets, false, 0}, {17, "value", table, false, 0}, {18, "value", nested, false, templateMessage},
	}, values(10)...),
	metaDataMessage: {
		{1, "is_multi_part", boolean, false, 0}, {2, "content_type", text, false, 0}, {3, "size", number, false, 0}, {4, "seq", number, false, 0},
		{5, "file_name", text, false, 0}, {6, "file_type", text, false, 0}, {7, "md5", text, false, 0}, {8, "description", text, false, 0},
	},
	propertyMessage: append([]field{
		{1, "type", dataType, false, 0}, {2, "is_null", boolean, false, 0},
		{9, "value", pairs, false, 0}, {10, "value", nested, false, propertySetList},
	}, values(3)...),
	propertySetList: {{1, "sets", pairs, true, 0}},
	templateMessage: {
		{1, "version", text, false, 0}, {4, "template_ref", text, false, 0}, {5, "is_definition", boolean, false, 0},
		{3, "parameters", nested, true, parameterMessage}, {2, "metrics", nested, true, metricMessage},
	},
	parameterMessage: append([]field{{1, "name", text, false, 0}, {2, "type", dataType, false, 0}}, values(3)...),
}

// values are the fields of a value that all messages with one have, from the
// number first on.
func values(first protowire.Number) []field {
	return []field{
		{first, "value", integer, false, 0}, {first + 1, "value", integer, false, 0}, {first + 2, "value", single, false, 0},
		{first + 3, "value", double, false, 0}, {first + 4, "value", boolean, false, 0}, {first + 5, "value", text, false, 0},
	}
}

// dataTypes are the names of the data types (Sparkplug 3.0, 6.4.16), by number.
var dataTypes = [...]string{
	"Unknown", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float", "Double", "Boolean", "String", "DateTime", "Text",
	"UUID", "DataSet", "Bytes", "File", "Template", "PropertySet", "PropertySetList", "Int8Array", "Int16Array", "Int32Array", "Int64Array", "UInt8Array",
	"UInt16Array", "UInt32Array", "UInt64Array", "FloatArray", "DoubleArray", "BooleanArray", "StringArray", "DateTimeArray",
}

// asSigned returns n as a number of the data type, and whether that has a sign.
func asSigned(n, dataType uint64) (int64, bool) {
	switch dataType {
	case 1:
		return int64(int8(n)), true
	case 2:
		return int64(int16(n)), true
	case 3:
		return int64(int32(n)), true
	case 4:
		return int64(n), true
	}
	return 0, false
}

// A wireValue is a field's value as it was sent.
type wireValue struct {
	kind  protowire.Type
	n     uint64 // of a number
	bytes []byte // of all else
}

// wireFields are the values of a message by the number of their field, each in the
// order in which it was sent.
type wireFields map[protowire.Number][]wireValue

// read reads the fields of a message.
func read(b []byte) (wireFields, error) {
	fields := wireFields{}
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		b = b[size:]
		v := wireValue{kind: kind}
		switch kind {
		case protowire.VarintType:
			v.n, size = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var n uint32
			n, size = protowire.ConsumeFixed32(b)
			v.n = uint64(n)
		case protowire.Fixed64Type:
			v.n, size = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v.bytes, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		b = b[size:]
		fields[n] = append(fields[n], v)
	}
	return fields, nil
}

// number returns the last number that a field has.
func (f wireFields) number(n protowire.Number) uint64 {
	if values := f[n]; len(values) > 0 {
		return values[len(values)-1].n
	}
	return 0
}

// sparkplug returns JSON of a Sparkplug B payload.
func sparkplug(payload []byte) ([]byte, error) {
	var w sparkplugWriter
	err := w.message(payload, payloadMessage, 0)
	return w.b, err
}

type sparkplugWriter struct{ writer }

// enter reads the fields of a message that so many are around.
func (w *sparkplugWriter) enter(b []byte, depth int) (wireFields, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	return read(b)
}

func (w *sparkplugWriter) message(b []byte, as messageType, depth int) error {
	fields, err := w.enter(b, depth)
	if err != nil {
		return err
	}
	var of uint64 // the data type of the value
	for _, f := range messages[as] {
		if f.kind == dataType {
			of = fields.number(f.number)
		}
	}
	w.raw("{")
	first := true
	for _, f := range messages[as] {
		values := fields[f.number]
		if len(values) == 0 {
			continue
		}
		w.name(f.name, first)
		first = false
		if !f.repeated { // of one that is sent more than once the last counts
			if err := w.value(values[len(values)-1], f, of, depth); err != nil {
				return err
			}
			continue
		}
		err := w.list(len(values), func(i int) error { return w.value(values[i], f, of, depth) })
		if err != nil {
			return err
		}
	}
	w.raw("}")
	return nil
}

// list writes n elements.
func (w *sparkplugWriter) list(n int, element func(i int) error) error {
	w.raw("[")
	for i := range n {
		if i > 0 {
			w.raw(",")
		}
		if err := element(i); err != nil {
			return err
		}
	}
	w.raw("]")
	return nil
}

// value writes a field's value; of is the data type that the message declares.
func (w *sparkplugWriter) value(v wireValue, f field, of uint64, depth int) error {
	if err := w.check(); err != nil {
		return err
	}
	if v.kind != f.kind.wire() {
		return fmt.Errorf("field %d has another type", f.number)
	}
	switch f.kind {
	case number:
		w.unsigned(v.n)
	case integer:
		if n, ok := asSigned(v.n, of); ok {
			w.signed(n)
		} else {
			w.unsigned(v.n)
		}
	case single:
		w.float(float64(math.Float32frombits(uint32(v.n))), 32)
	case double:
		w.float(math.Float64frombits(v.n), 64)
	case boolean:
		w.boolean(v.n != 0)
	case text:
		w.text(string(v.bytes))
	case octets:
		w.bytes(v.bytes)
	case dataType:
		w.dataType(v.n)
	case nested:
		return w.message(v.bytes, f.of, depth+1)
	case pairs:
		return w.pairs(v.bytes, depth+1)
	case table:
		return w.table(v.bytes, depth+1)
	}
	return nil
}

func (w *sparkplugWriter) dataType(n uint64) {
	if n < uint64(len(dataTypes)) {
		w.text(dataTypes[n])
	} else {
		w.unsigned(n)
	}
}

// pairs writes a PropertySet: its names and their values.
func (w *sparkplugWriter) pairs(b []byte, depth int) error {
	set, err := w.enter(b, depth)
	if err != nil {
		return err
	}
	w.raw("{")
	for i, v := range set[2][:min(len(set[1]), len(set[2]))] {
		w.name(string(set[1][i].bytes), i == 0)
		if err := w.message(v.bytes, propertyMessage, depth); err != nil {
			return err
		}
	}
	w.raw("}")
	return nil
}

// table writes a DataSet: columns, their data types, and rows of values.
func (w *sparkplugWriter) table(b []byte, depth int) error {
	set, err := w.enter(b, depth)
	if err != nil {
		return err
	}
	types := set[3]
	if len(types) == 1 && types[0].kind == protowire.BytesType { // packed
		packed := types[0].bytes
		for types = nil; len(packed) > 0; {
			n, size := protowire.ConsumeVarint(packed)
			if size < 0 {
				return protowire.ParseError(size)
			}
			packed = packed[size:]
			types = append(types, wireValue{n: n})
		}
	}
	w.raw(`{"columns":`)
	_ = w.list(len(set[2]), func(i int) error { w.text(string(set[2][i].bytes)); return nil })
	w.raw(`,"types":`)
	_ = w.list(len(types), func(i int) error { w.dataType(types[i].n); return nil })
	w.raw(`,"rows":`)
	err = w.list(len(set[4]), func(i int) error { return w.row(set[4][i].bytes, types, depth) })
	w.raw("}")
	return err
}

// row writes the values of one row.
func (w *sparkplugWriter) row(b []byte, types []wireValue, depth int) error {
	row, err := w.enter(b, depth)
	if err != nil {
		return err
	}
	return w.list(len(row[1]), func(i int) error {
		element, err := w.enter(row[1][i].bytes, depth)
		if err != nil {
			return err
		}
		var of uint64
		if i < len(types) {
			of = types[i].n
		}
		for _, f := range values(1) {
			if v := element[f.number]; len(v) > 0 {
				return w.value(v[len(v)-1], f, of, depth)
			}
		}
		w.raw("null")
		return nil
	})
}
