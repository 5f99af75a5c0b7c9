package decode_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"hellox/stream/decode"
	"hellox/stream/jsonview"
)

const metricsTopic = "hello_world/spBv1.0/plant/DDATA/node/press"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipped(t testing.TB, payload []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(payload); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The values of RFC 8949, appendix A, each in an array, as JSON.
func TestCBOR(t *testing.T) {
	for in, want := range map[string]string{
		"8100": `[0]`, "811864": `[100]`, "811b000000e8d4a51000": `[1000000000000]`,
		"811bffffffffffffffff": `[18446744073709551615]`, "81c249010000000000000000": `[18446744073709551616]`,
		"813bffffffffffffffff": `[-18446744073709551616]`, "81c349010000000000000000": `[-18446744073709551617]`,
		"8120": `[-1]`, "813903e7": `[-1000]`,
		"81f90000": `[0]`, "81f98000": `[-0]`, "81f93e00": `[1.5]`, "81f90001": `[5.9604645e-08]`,
		"81fb3ff199999999999a": `[1.1]`, "81fa47c35000": `[100000]`, "81fa3dcccccd": `[0.1]`, "81fb7e37e43c8800759c": `[1e+300]`,
		"81f97c00": `["+Inf"]`, "81f97e00": `["NaN"]`,
		"81f4": `[false]`, "81f5": `[true]`, "81f6": `[null]`, "81f7": `[null]`,
		"81c074323031332d30332d32315432303a30343a30305a": `["2013-03-21T20:04:00Z"]`,
		"81c11a514b67b0":     `[1363896240]`,
		"81d74401020304":     `[{"tag":23,"value":"h'01020304'"}]`,
		"81d818456449455446": `[{"tag":24,"value":"h'6449455446'"}]`,
		"8140":               `["h''"]`, "8160": `[""]`, "8162225c": `["\"\\"]`, "8162c3bc": `["ü"]`, "8164f0908591": `["𐅑"]`,
		"80": ``, "83010203": `[1,2,3]`, "8301820203820405": `[1,[2,3],[4,5]]`,
		"a201020304": `{"1":2,"3":4}`, "a26161016162820203": `{"a":1,"b":[2,3]}`, "a2616101616102": `{"a":1,"a":2}`,
		"a1820102f5":           `{"[1,2]":true}`,
		"815f42010243030405ff": `["h'0102030405'"]`, "817f657374726561646d696e67ff": `["streaming"]`,
		"9f018202039f0405ffff": `[1,[2,3],[4,5]]`, "bf61610161629f0203ffff": `{"a":1,"b":[2,3]}`,
		"d9d9f7a16474656d7018c8": `{"temp":200}`,
	} {
		got := decode.Decode("a", unhex(t, in))
		if want == "" {
			if len(got.Encodings) > 0 {
				t.Errorf("%s is not CBOR, got %s", in, got.Content)
			}
			continue
		}
		if string(got.Content) != want || !slices.Equal(got.Encodings, []string{decode.CBOR}) || got.MediaType != "application/json" || got.Problem != "" {
			t.Errorf("%s: %s %v %s %s, want %s", in, got.Content, got.Encodings, got.MediaType, got.Problem, want)
		}
	}
}

// What is text, or is not one whole value, is not taken for CBOR.
func TestNotCBOR(t *testing.T) {
	for _, in := range []string{"", "00", "f5", "ff", "ff00", "8201", "830102030405", "a1", "9f01", "c3bc", "6161", "1bffffffffffffffff", "81ff", "81621", "8162c328"} {
		if len(in)%2 == 1 {
			in = in[:len(in)-1]
		}
		if got := decode.Decode("a", unhex(t, in)); len(got.Encodings) > 0 || !bytes.Equal(got.Content, unhex(t, in)) {
			t.Errorf("%s is decoded: %v %s", in, got.Encodings, got.Content)
		}
	}
}

// metric is a Sparkplug metric of that name with a data type and one field of a value.
func metric(name string, dataType uint64, value []byte) []byte {
	m := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	m = protowire.AppendVarint(protowire.AppendTag(m, 4, protowire.VarintType), dataType)
	return append(m, value...)
}

func varint(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

func chunk(n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), v)
}

func sparkplugPayload() []byte {
	p := varint(1, 1486144502122)
	double := protowire.AppendFixed64(protowire.AppendTag(nil, 13, protowire.Fixed64Type), math.Float64bits(21.5))
	single := protowire.AppendFixed32(protowire.AppendTag(nil, 12, protowire.Fixed32Type), math.Float32bits(0.1))
	minus := int32(-5)
	property := append(chunk(1, []byte("unit")), chunk(2, append(varint(1, 12), chunk(8, []byte("°C"))...))...)
	row := func(n uint64, s string) []byte {
		return chunk(4, append(chunk(1, varint(1, n)), chunk(1, chunk(6, []byte(s)))...))
	}
	set := slices.Concat(varint(1, 2), chunk(2, []byte("n")), chunk(2, []byte("s")), varint(3, 3), varint(3, 12), row(uint64(uint32(minus)), "x"), row(7, "y"))
	for _, m := range [][]byte{
		metric("temp", 10, append(double, chunk(9, property)...)),
		metric("ratio", 9, single),
		metric("offset", 3, varint(10, uint64(uint32(minus)))),
		metric("small", 1, varint(10, 0xff)),
		metric("count", 8, varint(11, math.MaxUint64)),
		metric("deficit", 4, varint(11, math.MaxUint64)),
		metric("on", 11, varint(14, 1)),
		metric("name", 12, chunk(15, []byte("press\u202e"))),
		metric("raw", 17, chunk(16, []byte{0, 255})),
		metric("table", 16, chunk(17, set)),
		metric("kind", 19, chunk(18, slices.Concat(chunk(1, []byte("v1")), chunk(2, metric("inner", 11, varint(14, 0))), chunk(3, slices.Concat(chunk(1, []byte("p")), varint(2, 3), varint(3, 9)))))),
	} {
		p = append(p, chunk(2, m)...)
	}
	return append(p, varint(3, 7)...)
}

func TestSparkplug(t *testing.T) {
	want := `{"timestamp":1486144502122,"metrics":[` +
		`{"name":"temp","datatype":"Double","properties":{"unit":{"type":"String","value":"°C"}},"value":21.5},` +
		`{"name":"ratio","datatype":"Float","value":0.1},` +
		`{"name":"offset","datatype":"Int32","value":-5},` +
		`{"name":"small","datatype":"Int8","value":-1},` +
		`{"name":"count","datatype":"UInt64","value":18446744073709551615},` +
		`{"name":"deficit","datatype":"Int64","value":-1},` +
		`{"name":"on","datatype":"Boolean","value":true},` +
		`{"name":"name","datatype":"String","value":"press\u202e"},` +
		`{"name":"raw","datatype":"Bytes","value":"h'00ff'"},` +
		`{"name":"table","datatype":"DataSet","value":{"columns":["n","s"],"types":["Int32","String"],"rows":[[-5,"x"],[7,"y"]]}},` +
		`{"name":"kind","datatype":"Template","value":{"version":"v1","parameters":[{"name":"p","type":"Int32","value":9}],"metrics":[{"name":"inner","datatype":"Boolean","value":false}]}}` +
		`],"seq":7}`
	for _, in := range [][]byte{sparkplugPayload(), zipped(t, sparkplugPayload())} {
		got := decode.Decode(metricsTopic, in)
		if string(got.Content) != want || got.Encodings[len(got.Encodings)-1] != decode.Sparkplug || got.Problem != "" {
			t.Errorf("%v %s\n%s\nwant\n%s", got.Encodings, got.Problem, got.Content, want)
		}
	}
	for _, topic := range []string{"hello_world/press", "spBv1.0/plant/STATE/host", "spBv1.0/plant/DDATA", "spBv1.0/STATE/host"} {
		if got := decode.Decode(topic, sparkplugPayload()); slices.Contains(got.Encodings, decode.Sparkplug) {
			t.Errorf("%s is taken for a topic of Sparkplug B", topic)
		}
	}
	if got := decode.Decode(metricsTopic, []byte(`{"a":1}`)); got.MediaType != "application/json" || len(got.Encodings) > 0 || got.Problem == "" {
		t.Errorf("JSON on a topic of Sparkplug B: %v %s %q", got.Encodings, got.MediaType, got.Problem)
	}
}

func TestGzip(t *testing.T) {
	text := []byte("grüße " + strings.Repeat("ü", 1000))
	whole := zipped(t, text)
	for name, c := range map[string]struct {
		in        []byte
		encodings []string
		mediaType string
		content   string
		problem   string
	}{
		"text":    {whole, []string{"gzip"}, "text/plain", string(text), ""},
		"JSON":    {zipped(t, []byte(`{"a":1.10}`)), []string{"gzip"}, "application/json", `{"a":1.10}`, ""},
		"CBOR":    {zipped(t, []byte{0xa1, 0x61, 'a', 1}), []string{"gzip", "CBOR"}, "application/json", `{"a":1}`, ""},
		"twice":   {zipped(t, whole), []string{"gzip", "gzip"}, "text/plain", string(text), ""},
		"two":     {append(slices.Clone(whole), whole...), []string{"gzip"}, "text/plain", string(text) + string(text), ""},
		"cut":     {whole[:len(whole)-4], []string{"gzip"}, "text/plain", string(text), "the gzip is damaged after 2008 bytes"},
		"no more": {[]byte{0x1f, 0x8b, 8}, nil, "application/octet-stream", "\x1f\x8b\x08", ""},
	} {
		got := decode.Decode("a", c.in)
		if !slices.Equal(got.Encodings, c.encodings) || got.MediaType != c.mediaType || string(got.Content) != c.content || got.Problem != c.problem {
			t.Errorf("%s: %v %s %.40q %q", name, got.Encodings, got.MediaType, got.Content, got.Problem)
		}
	}
}

func TestImages(t *testing.T) {
	picture := image.NewPaletted(image.Rect(0, 0, 7, 5), color.Palette{color.Black})
	var asPNG, asJPEG, asGIF bytes.Buffer
	if png.Encode(&asPNG, picture) != nil || jpeg.Encode(&asJPEG, picture, nil) != nil || gif.Encode(&asGIF, picture, nil) != nil {
		t.Fatal("encode")
	}
	for want, in := range map[string][]byte{"image/png": asPNG.Bytes(), "image/jpeg": asJPEG.Bytes(), "image/gif": asGIF.Bytes()} {
		if got := decode.Decode("a", in); got.MediaType != want || got.Width != 7 || got.Height != 5 || len(got.Encodings) > 0 || !bytes.Equal(got.Content, in) {
			t.Errorf("%s: %s %dx%d %v", want, got.MediaType, got.Width, got.Height, got.Encodings)
		}
		if got := decode.Decode("a", zipped(t, in)); got.MediaType != want || len(got.Encodings) != 1 {
			t.Errorf("zipped %s: %s %v", want, got.MediaType, got.Encodings)
		}
	}
	huge := asPNG.Bytes()
	copy(huge[16:24], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65,536 x 65,536 pixels; and its checksum is wrong
	if got := decode.Decode("a", huge); got.MediaType != "application/octet-stream" {
		t.Errorf("a picture of 4 gigapixels: %s", got.MediaType)
	}
	if got := decode.Decode("a", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)); got.MediaType != "text/plain" {
		t.Errorf("a drawing with a script: %s", got.MediaType)
	}
}

// Whatever comes, the work is bounded.
func TestBounds(t *testing.T) {
	deepCBOR := append(bytes.Repeat([]byte{0x81}, 1<<20-1), 0)
	deepSets := []byte{}
	for range 200 {
		deepSets = chunk(2, append(varint(1, 20), chunk(9, append(chunk(1, []byte("a")), deepSets...))...))
	}
	for name, c := range map[string]struct {
		topic   string
		in      []byte
		problem string
	}{
		"gzip of zeros":      {"a", zipped(t, make([]byte, 64<<20)), "uncompressed it is larger than 4 MiB: this is the beginning"},
		"input":              {"a", append([]byte{0xff}, make([]byte, 1<<20)...), "a payload of more than 1 MiB is not decoded"},
		"deep CBOR":          {"a", deepCBOR, ""},
		"many in CBOR":       {"a", append(unhex(t, "9a000ffff0"), bytes.Repeat([]byte{0xf9, 0, 1}, 0x50000)...), ""},
		"half-floats":        {"a", append(unhex(t, "9a00050000"), bytes.Repeat([]byte{0xf9, 0, 1}, 0x50000)...), "decoded it is larger than 4 MiB"},
		"long number":        {"a", append(unhex(t, "81c25a000f4000"), bytes.Repeat([]byte{0xff}, 0xf4000)...), ""},
		"empty metrics":      {metricsTopic, bytes.Repeat([]byte{0x12, 0}, 1<<19), ""},
		"deep in Sparkplug":  {metricsTopic, chunk(2, chunk(9, append(chunk(1, []byte("a")), deepSets...))), "not Sparkplug B: values are nested too deep"},
		"gzip in gzip":       {"a", zipped(t, zipped(t, zipped(t, zipped(t, zipped(t, []byte("x")))))), ""},
		"a header of length": {"a", unhex(t, "9bffffffffffffffff00"), ""},
	} {
		begun := time.Now()
		got := decode.Decode(c.topic, c.in)
		if took := time.Since(begun); took > time.Minute { // a hang guard
			t.Errorf("%s takes %v", name, took)
		}
		if got.Problem != c.problem || len(got.Content) > 9<<20 {
			t.Errorf("%s: %q, %d bytes, %v", name, got.Problem, len(got.Content), got.Encodings)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("a", unhex(f, "a26161016162820203"))
	f.Add("a", unhex(f, "bf61610161629f0203ffff"))
	f.Add("a", zipped(f, []byte(`{"a":1}`)))
	f.Add(metricsTopic, sparkplugPayload())
	f.Add("a", []byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		before := slices.Clone(payload)
		got := decode.Decode(topic, payload)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if len(got.Content) > 9<<20 || len(got.Encodings) == 0 && !bytes.Equal(got.Content, payload) {
			t.Fatalf("%v: %d bytes", got.Encodings, len(got.Content))
		}
		if got.MediaType == "application/json" && (!json.Valid(got.Content) || jsonview.Check(got.Content) != nil) && got.Problem == "" {
			t.Fatalf("%v is no JSON: %s", got.Encodings, got.Content)
		}
		if strings.HasPrefix(got.MediaType, "text/") && !utf8.Valid(got.Content) {
			t.Fatal("the text is not UTF-8")
		}
	})
}
