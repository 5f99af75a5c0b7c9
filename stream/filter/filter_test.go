package filter

import (
	"errors"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/safetext"
)

var filterNow = time.Date(2026, 5, 4, 14, 2, 31, 0, time.UTC)

// ourMessage is a hellox broadcast, foreignMessage is not.
func ourMessage() *stream.Message {
	return &stream.Message{
		ID: 7, Topic: "hello_world/broadcast/press-3", Sender: "press-3", QoS: 1, Received: filterNow.Add(-time.Minute),
		Payload: []byte(`{"text":"Hello world","sender":"press-3","boot":"01JZ0000000000000000000001","seq":42}`),
		Ours:    true, Text: "Hello world", Boot: "01JZ0000000000000000000001", Seq: 42, Missed: 3,
		Delta: 9870 * time.Millisecond, DeltaAny: time.Second, Latency: 1800 * time.Microsecond,
	}
}

func foreignMessage(payload string) *stream.Message {
	return &stream.Message{
		ID: 8, Topic: "hello_world/Garten/Wärme", Sender: "hello_world/Garten/Wärme", Retained: true, Received: filterNow,
		Payload: []byte(payload), Delta: stream.None, DeltaAny: stream.None, Latency: stream.None,
	}
}

func wantMatch(t *testing.T, m *stream.Message, expression string, want bool) {
	t.Helper()
	f, err := Parse(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return
	}
	if got := f.MatchAt(m, filterNow); got != want {
		t.Errorf("%s: %t, want %t", expression, got, want)
	}
	again, err := Parse(f.Expr().String())
	if err != nil || again.MatchAt(m, filterNow) != want || again.Expr().String() != f.Expr().String() {
		t.Errorf("%s: written as %s: %v", expression, f.Expr(), err)
	}
}

func TestFilterOfOurs(t *testing.T) {
	m := ourMessage()
	for expression, want := range map[string]bool{
		// Words look into topic, sender and payload.
		`hello`: true, `HELLO`: true, `hullo`: false, `"hello world"`: true, `"hello  world"`: false, `press-3`: true, `hello_world/b`: true,
		`"\"seq\":42"`: true, `broadcast/press-3`: true, `12:30`: false, `seq`: true, `"or"`: true, `"and"`: false,
		// Side by side, and, or, not, -, brackets; and binds closer than or.
		`hello press`: true, `hello nothing`: false, `hello and press`: true, `nothing or hello`: true, `nothing OR hello`: true,
		`nothing or hello nothing`: false, `(nothing or hello) press`: true, `nothing or (hello press)`: true,
		`not nothing`: true, `NOT hello`: false, `-nothing`: true, `-hello`: false, `--hello`: true, `not not hello`: true,
		`-(hello nothing)`: true, `not (hello or nothing)`: false, `(hello)(press)`: true, ` ( ( hello ) ) `: true, "hello\n\tpress": true,
		`not(nothing)`: true, `hello or nothing or nothing`: true, `-"nothing"`: true, `hello　press`: true,
		// sender
		`sender:press-3`: true, `sender:PRESS-3`: true, `sender:press`: false, `sender:press-*`: true, `sender:*`: true, `sender:*3`: true,
		`sender:p*s*-?`: true, `sender:press-??`: false, `sender:press-3*`: true, `sender:*press-3*`: true, `sender:"press-*"`: true,
		`from:press-3`: true, `FROM:press-3`: true, `sender=press-3`: true, `sender=press-*`: false, `sender!=press-3`: false,
		`sender!=press-4`: true, `sender = "press-3"`: true, `sender="Press-3"`: false, `sender=""`: false, `sender!=""`: true, `topic=hello_world/broadcast/press-3`: true, `topic=Hello_world/broadcast/press-3`: false, `sender:~^press-\d$`: true, `sender:~^PRESS`: false, `sender:~(?i)^PRESS`: true,
		// topic
		`topic:hello_world/broadcast/press-3`: true, `topic:Hello_World/+/#`: true, `topic:hello_world/+`: false, `topic:#`: true,
		`topic:+/+/+`: true, `topic:+/+`: false, `topic:hello_world/broadcast/press-3/#`: true, `topic:hello`: false,
		`topic:~broadcast/`: true, `topic=hello_world/+/press-3`: false,
		// text and payload
		`text:hello`: true, `text:"o w"`: true, `text:press`: false, `text="Hello world"`: true, `text="hello world"`: false, `text!="Hello world"`: false, `text!="hello world"`: true, `text:seq`: false, `text=""`: false,
		`text:~^Hello`: true, `text:~^hello`: false, `text:~(o|x)\sw`: true, `text:~"o w"`: true, `text:~^err\d`: false, `text:~[^)]$`: true,
		`(text:~(l|x)d$)`: true, `text:~[]x)]`: false, `text:~[^]x)]`: true, `text:~o\ w`: true, `payload:"\"seq\":42}"`: true, `payload:press-3`: true, `payload:~"\"seq\":4\d"`: true,
		// comparisons, also with spaces
		`delta>10s`: false, `not delta>10s`: true, `delta<10s`: true, `delta > 9.8s`: true, `delta>=9870ms`: true, `delta=9.87s`: true,
		`delta!=9870ms`: false, `delta<=9869ms`: false, `DELTA<1M`: true, `delta<1d`: true, `delta>-1s`: true, `delta<1h30m`: true,
		`latency<50ms`: true, `latency>=1800us`: true, `latency<=1800µs`: true, `latency<1.8ms`: false,
		`age<5m`: true, `age<1m`: false, `age=60s`: true, `age>59s`: true, `age<365d`: true,
		`size>1KiB`: false, `size<1kb`: true, `size=86`: true, `size<0.1MiB`: true, `size>85B`: true,
		`seq<100`: true, `seq=42`: true, `seq!=42`: false, `seq>42`: false, `qos=1`: true, `qos != 1`: false, `qos>0`: true,
		// is
		`is:retained`: false, `is:missed`: true, `is:reordered`: false, `is:ours`: true, `IS:Ours`: true, `-is:ours`: false,
		// JSON of ours, too
		`payload.seq=42`: true, `payload.text:world`: true,
	} {
		wantMatch(t, m, expression, want)
	}
}

func TestFilterOfForeign(t *testing.T) {
	m := foreignMessage("Grüße, ΣΊΣΥΦΟΣ, \u212Aelvin, stra\u017Fe \xff")
	for expression, want := range map[string]bool{
		// What a message lacks is false, whatever the operator.
		`delta<1h`: false, `delta>=0s`: false, `delta!=1s`: false, `not delta!=1s`: true, `latency<1h`: false, `latency!=0s`: false,
		`seq!=1`: false, `seq>=0`: false,
		// The text of others is the payload.
		`text:grüße`: true, `text:press`: false, `text!=x`: true, `text:~^Gr`: true, `text=Grüße`: false, `is:ours`: false, `is:missed`: false, `is:retained`: true,
		`payload.x=1`: false, `payload.x!=1`: false, `not payload.x!=1`: true, `qos=0`: true, `age=0s`: true,
		// Case in any script; K and S have a third one each.
		`GRÜSSE`: false, `grüße`: true, `GRÜßE`: true, `σίσυφος`: true, `kelvin`: true, `KELVIN`: true, "\u212Aelvin": true, `STRASE`: true,
		`straſe`: true, `sender:*/wärme`: true, `sender:*/WÄRM?`: true, `topic:hello_world/GARTEN/wÄrme`: true, `sender:hello_world/*`: true,
		`sender=hello_world/Garten/Wärme`: true, `sender="hello_world/garten/WÄRME"`: false, `is:json`: false, `-is:json`: true,
	} {
		wantMatch(t, m, expression, want)
	}
}

func TestFilterOfJSON(t *testing.T) {
	m := foreignMessage(` {"temp":99,"temp":30.5,"Unit":"m\u006D","items":[{"id":7},{"id":8,"tags":["a","b"]}],"on":true,"off":null,
		"text":"30","odd name":1,"id":9007199254740993,"big":1e300,"deep":{"er":{"e":-1}},"empty":"","seen":"2026-05-04T14:02:31Z"} `)
	for expression, want := range map[string]bool{
		`payload.temp>=30`: true, `payload.temp>30.5`: false, `payload.temp=30.50`: true, `payload.temp=3.05e1`: true, `payload.temp!=99`: true,
		`payload.temp = 30.5`: true, `PAYLOAD.TEMP<31`: true, `payload.unit=mm`: true, `payload.unit=MM`: false, `payload.unit:MM`: true, `payload.unit!=mm`: false,
		`payload.unit!=cm`: true, `payload.unit:M`: true, `payload.unit:~^mm$`: true, `payload.unit:~MM`: false, `payload.unit>1`: false,
		`payload.items[0].id=7`: true, `payload.items[1].id=7`: false, `payload.items[2].id=7`: false, `payload.items[1].tags[1]=b`: true,
		`payload.items.id=7`: false, `payload.temp.x=1`: false, `payload.items=7`: false, `payload.items!=7`: false, `payload.deep.er.e<0`: true, `payload.deep!=x`: false,
		`payload.on=true`: true, `payload.on!=true`: false, `payload.off=null`: true, `payload.none=null`: false, `payload.on="true"`: false,
		`payload.text=30`: true, `payload.text>=29.5`: true, `payload.text="30"`: true, `payload.temp="30.5"`: false,
		`payload."odd name"=1`: true, `payload.id=9007199254740993`: true, `payload.id=9007199254740992`: false, `payload.id>9007199254740992`: true,
		`payload.big>1e299`: true, `payload.empty!=x`: true, `payload.empty=""`: true, `payload.empty!=""`: false, `payload.unit!=""`: true, `payload.temp=""`: false, `payload.on=TRUE`: false,
		`payload.text=30.0`: false, `payload.text>="29.5"`: true, `payload.text>-1`: true, `payload.deep.er.e=-1`: true, `payload.deep.er.e=-1.0`: true, `payload.deep.er.e!=-1`: false, `is:json`: true,
		`payload[0]=1`: false,
	} {
		wantMatch(t, m, expression, want)
	}
	for payload, want := range map[string]bool{
		`{"x":1}`: true, `{"x":1} `: true, `{"x":1}}`: false, `{"x":1`: false, `{"x":1} {}`: false, `{"x":1,}`: false, `{x:1}`: false, `1`: false, ``: false,
		`[{"x":1}]`: false, `{"y":[1,2,{"z":"}"}],"x":1}`: true, "\t\n{\"x\" : 1}": true, `{"\u0078":1}`: true, `{"x":01}`: false, "{\"y\":\"\xff\",\"x\":1}": true,
		`{"y":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,"x":1}`:       true,
		`{"y":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `,"x":1}`: false, // too deep
		`{"y":"` + strings.Repeat("a", maxJSON) + `","x":1}`:                              false, // too long
		`{"x":1` + strings.Repeat("0", 100_000) + `}`:                                     false,
	} {
		wantMatch(t, foreignMessage(payload), `payload.x=1`, want)
	}
	wantMatch(t, foreignMessage(`[1,[2,3]]`), `payload[1][0]=2`, true)
}

// What devices send, as public reports have it.
func TestFilterOfDevices(t *testing.T) {
	shelly := `{"src":"plug-a","method":"NotifyStatus","params":{"switch:0":{"id":0,"current":0.683}}}`
	byCase, twice := `{"clientid":"auto-1","clientID":"panel"}`, `{"a":1,"b":"x","a":2}`
	low, high := `{"devEUI":10376293541461622785}`, `{"devEUI":10376293541461622786}`
	escaped := `{"text":"k\u00fcche einschalten","list":[{"room":"\u041a\u0443\u0445\u043d\u044f"}],"n\u00e4me":1}`
	pressed, released := `{"action":"single","battery":90}`, `{"action":"","battery":90}`
	devices := `{"devices":[{"lqi":20,"id":"a"},{"lqi":120,"id":"b"},{"id":"c"}],"rows":[[1,2],[3]]}`
	for _, c := range []struct {
		payload, expression string
		want                bool
	}{
		{shelly, `payload.params."switch:0".current>0.5`, true}, {shelly, `payload.params."switch:0".current:683`, true},
		{byCase, `payload.clientID=panel`, true}, {byCase, `payload.clientid=panel`, false}, {byCase, `payload.clientid=auto-1`, true}, {byCase, `payload.CLIENTID=panel`, true},
		{`{"A":{"x":1},"a":5}`, `payload.a.x=1`, false},
		{twice, `payload.a=2`, true}, {twice, `payload.a=1`, false},
		{low, `payload.devEUI=10376293541461622785`, true}, {high, `payload.devEUI=10376293541461622785`, false},
		{low, `payload.devEUI>10376293541461622785`, false}, {high, `payload.devEUI>10376293541461622785`, true},
		{`{"x":1e400}`, `payload.x<2e400`, true}, {`{"x":0.1}`, `payload.x=0.1000000000000000055511151231257827`, false}, {`{"x":-0}`, `payload.x=0`, true},
		{`{"x":1e999999999}`, `payload.x>1e999999998`, true}, {`{"x":1e-999999999}`, `payload.x>0`, true}, {`{"x":10e-1}`, `payload.x=1`, true},
		{`{"fw":"1.1"}`, `payload.fw=1.10`, false}, {`{"fw":"1.10"}`, `payload.fw=1.10`, true}, {`{"fw":"1.1"}`, `payload.fw!=1.10`, true}, {`{"fw":1.1}`, `payload.fw=1.10`, true},
		{`{"pin":"0815"}`, `payload.pin=815`, false}, {`{"pin":"0815"}`, `payload.pin=0815`, true}, {`{"t":"21.5"}`, `payload.t>21`, true}, {`{"t":"warm"}`, `payload.t>21`, false},
		{escaped, `küche`, true}, {escaped, `КУХНЯ`, true}, {escaped, `payload:Кухня`, true}, {escaped, `text:küche`, true}, {escaped, `u00fcche`, true}, {escaped, `näme`, false},
		{escaped + "}", `küche`, false}, {`"k\u00fcche"`, `küche`, true}, {`k\u00fcche`, `küche`, false},
		{pressed, `payload.action!=""`, true}, {released, `payload.action!=""`, false}, {released, `payload.action=""`, true}, {"", `payload=""`, true}, {" ", `payload=""`, false}, {"x", `payload!=""`, true},
		{"31", `payload>30`, true}, {" 31.5\r\n", `payload>30`, true}, {"30", `payload>30`, false}, {`"31"`, `payload>30`, true}, {"ON", `payload>30`, false}, {"61,13", `payload>30`, false},
		{"NaN", `payload<1e9`, false}, {"ON", `payload=ON`, true}, {"on", `payload=ON`, false}, {"ON ", `payload=ON`, false}, {"30.0", `payload=30`, true}, {"30.0", `payload="30"`, false},
		{"0815", `payload=815`, false}, {"0815", `payload=0815`, true}, {"000123.4", `payload>123`, true}, {"", `payload>=0`, false},
		{devices, `payload.devices[].lqi>100`, true}, {devices, `payload.devices[].lqi>120`, false}, {devices, `payload.devices[].id=c`, true}, {devices, `payload.devices[].lqi!=20`, true},
		{devices, `payload.rows[][].x=1`, false}, {devices, `payload.rows[][]=3`, true}, {devices, `payload.rows[][1]=3`, false}, {devices, `payload[].x=1`, false}, {`[1,2]`, `payload[]=2`, true}, {`[]`, `payload[]!=2`, false},
		{"30", `is:json`, true}, {`{"a":1}`, `is:json`, true}, {`"x"`, `is:json`, true}, {"ON", `is:json`, false}, {"", `is:json`, false}, {`{"a":1,}`, `is:json`, false}, {`{"a":NaN}`, `is:json`, false},
		{"\ufeff{}", `is:json`, false}, {"{} \n", `is:json`, true}, {"{}\x00", `is:json`, false}, {`{"a":1,"a":2}`, `is:json`, true},
	} {
		wantMatch(t, foreignMessage(c.payload), c.expression, c.want)
	}
}

func TestFilterErrors(t *testing.T) {
	for _, c := range []struct {
		expression string
		column     int
		expected   string
	}{
		{`hello (a`, 9, `a ) for the ( in column 7`},
		{`a)`, 2, `no bracket is open`},
		{`()`, 2, `a term`},
		{`a or`, 5, `a term`},
		{`or a`, 1, `a term`},
		{`a or or b`, 6, `a term`},
		{`not`, 4, `a term`},
		{`- a`, 2, `a term right after the -`},
		{`"ab`, 4, `a quote that ends the one in column 1`},
		{`ä ""`, 3, `what to look for between the quotes`},
		{`a"b"`, 2, `white space`},
		{`a(b)`, 2, `white space`},
		{`sneder:x`, 1, `a key (sender, topic`},
		{`http://x`, 1, `quotes around`},
		{`:x`, 1, `a term`},
		{`>3`, 1, `a term`},
		{`sender>3`, 7, `sender:`},
		{`sender:`, 8, `what to look for`},
		{`sender: x`, 8, `right after the :`},
		{`topic:a#b`, 7, `an MQTT topic filter`},
		{`topic:a+/b`, 7, `an MQTT topic filter`},
		{`text:~`, 7, `a regular expression`},
		{`ü text:~a(`, 9, `a valid regular expression (missing closing )`},
		{`text:~"a`, 9, `a quote`},
		{`text:~a\Q\`, 11, `a character after the \`},
		{`delta:10s`, 6, `one of = !=`},
		{`delta>`, 7, `a duration with its unit`},
		{`delta>10`, 7, `a duration with its unit`},
		{`delta >  ten`, 10, `a duration with its unit`},
		{`delta>>1s`, 7, `a duration with its unit`},
		{`age<999999d`, 5, `a shorter duration, of at most 106751d`},
		{`size>1XB`, 6, `a size`},
		{`size>-1`, 6, `a size`},
		{`age<999999999999d`, 5, `a shorter duration, of at most 106751d`},
		{`delta>1d99999999999h`, 7, `a shorter duration`},
		{`age<1d1d`, 5, `a duration with its unit`},
		{`seq<1.5`, 5, `a whole number`},
		{`seq<9223372036854775808`, 5, `a whole number of at most 9223372036854775807`},
		{`seq<-1`, 5, `a whole number`},
		{`qos=3`, 5, `0, 1 or 2`},
		{`is:duplicate`, 4, `retained, missed, reordered, ours or json`},
		{`is=ours`, 3, `a colon`},
		{`payload.`, 9, `a name in the JSON payload`},
		{`payload.a..b=1`, 11, `a name in the JSON payload`},
		{`payload.a`, 10, `one of = !=`},
		{`payload.a[x]=1`, 11, `a place in a JSON array`},
		{`payload.a[1=1`, 12, `a ]`},
		{`payload.a>x`, 11, `a number`},
		{`payload.a>"x"`, 11, `a number`},
		{`payload>x`, 9, `a number`},
		{`payload:""`, 9, `what to look for between the quotes`},
		{`text>3`, 5, `text:`},
		{`payload.params.switch:0.apower>0`, 22, `as in payload.params."switch:0".apower, or`},
		{`payload.params.switch:0.apower != 0`, 22, `as in payload.params."switch:0".apower, or`},
		{`payload.switch:0[1].x<=0`, 15, `as in payload."switch:0"[1].x, or`},
		{`payload.switch:0=true`, 15, `as in payload."switch:0", or`},
		{`payload[0]:a=b`, 11, `quotes around what to look for`},
		{`payload.a[*]=1`, 11, `or [] for any`},
		{`payload.a["b"]=1`, 11, `."name"`},
		{`payload.a=`, 11, `a number or a text`},
		{"a \xff", 3, `UTF-8`},
		{strings.Repeat("a ", 4<<10), 4097, `at most 4096 bytes`},
		{strings.Repeat("(", 1000), 65, `at most 64 brackets`},
		{strings.Repeat("-", 1000) + "a", 65, `at most 64 brackets`},
		{strings.Repeat("not ", 1000) + "a", 257, `at most 64 brackets`},
		{`text:~(a{100}){9}`, 7, `fewer repetitions`},
		{`text:~` + strings.Repeat(`\pL`, 300), 7, `at most 512 bytes`},
		{strings.Repeat(`text:~a{99} `, 3), 31, `fewer repetitions`},
		{`sender:*` + strings.Repeat("a", 200), 8, `a glob of at most 128`},
	} {
		f, err := Parse(c.expression)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.40s: %v, %v", c.expression, f, err)
			continue
		}
		if e.Column != c.column || !strings.Contains(e.Expected, c.expected) || !strings.Contains(e.Error(), e.Expected) {
			t.Errorf("%.40s: %v; want column %d, %s", c.expression, e, c.column, c.expected)
		}
	}
}

// An error is printed on terminals: what it quotes is harmless there.
func TestFilterErrorIsSafe(t *testing.T) {
	for _, expression := range []string{"delta>\x1b[31m", "a\x1b: x:\u202eb", "text:~\x1b]0;x\a(", "payload.\x1b>\x07", "topic:\u202e#"} {
		_, err := Parse(expression)
		if err == nil {
			t.Errorf("%q is no error", expression)
			continue
		}
		for _, r := range err.Error() {
			if !safetext.Visible(r) {
				t.Errorf("%q: the error has %U", expression, r)
			}
		}
	}
}

func TestFilterEmpty(t *testing.T) {
	for _, expression := range []string{"", "  ", "\n"} {
		f, err := Parse(expression)
		if f != nil || err != nil || !f.Match(&stream.Message{}) || f.String() != "" || f.Expr() != nil {
			t.Errorf("%q: %v, %v", expression, f, err)
		}
	}
	f, err := Parse(" age<1m ")
	if err != nil || f.String() != " age<1m " {
		t.Errorf("it is %q, %v", f, err)
	}
	if f.Match(&stream.Message{Received: time.Now().Add(-time.Hour)}) || !f.Match(&stream.Message{Received: time.Now()}) {
		t.Error("Match does not take the age from the clock")
	}
}

func TestFilterDoesNotAllocate(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector makes sync.Pool lose things")
	}
	messages := []*stream.Message{ourMessage(), foreignMessage("Grüße"), foreignMessage(`{"temp":30.5,"u":"m\u006d","items":[{"id":7}]}`)}
	for _, expression := range []string{
		`nothing or "not there"`, `sender:press-*`, `topic:hello_world/+/#`, `text:~^err\d+$`, `sender!=x`, `grÜßE`, `kelvin`,
		`delta>10s latency<50ms size<1KiB age<5m seq>0 qos=1 is:missed`, `-(a or b) not c`,
		`payload.temp>=30`, `payload.u=mm`, `payload.items[0].id=7`, `payload.none!=x`,
		`payload>30`, `payload=ON`, `payload.temp=30.50`, `payload.items[].id=8`, `is:json`, `payload.temp>1e99999999999999999999`,
	} {
		f, err := Parse(expression)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if n := testing.AllocsPerRun(100, func() { f.MatchAt(m, filterNow) }); n >= 1 {
				t.Errorf("%s allocates %g times for %s", expression, n, m.Payload)
			}
		}
	}
}

// The help cannot show what does not parse, and shows every key.
func TestFilterTerms(t *testing.T) {
	shown := map[Key]bool{}
	for _, term := range Terms() {
		f, err := Parse(term.Example)
		if err != nil {
			t.Errorf("%s: %v", term.Example, err)
			continue
		}
		if !strings.Contains(term.Example, term.Key) || term.Description == "" {
			t.Errorf("%+v does not show its key", term)
		}
		for _, k := range []Key{KeyAny, KeySender, KeyTopic, KeyText, KeyPayload, KeyDelta, KeyLatency, KeySize, KeyAge, KeySeq, KeyQoS, KeyIs} {
			shown[k] = shown[k] || hasKey(f.Expr(), k)
		}
	}
	if len(shown) != 12 {
		t.Errorf("keys shown: %v", shown)
	}
	for k, ok := range shown {
		if !ok {
			t.Errorf("no example of %s", k)
		}
	}
}

func BenchmarkFilterMatch(b *testing.B) {
	m := ourMessage()
	for _, expression := range []string{
		`notthere`, `sender:press-*`, `topic:hello_world/+/press-4`, `text:~^err\d`, `delta>10s`, `payload.seq>=100`, `sender:press-* (delta>10s or is:missed) -text:bye`,
	} {
		f, err := Parse(expression)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(expression, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.MatchAt(m, filterNow)
			}
		})
	}
}

// BenchmarkFilterRefuse is about expressions made to be costly.
func BenchmarkFilterRefuse(b *testing.B) {
	for name, expression := range map[string]string{
		"64 KiB":          strings.Repeat("a ", 32<<10),
		"4000 brackets":   strings.Repeat("(", 4000),
		"repetitions":     strings.Repeat(`text:~a{999} `, 300),
		"classes":         `text:~"[` + strings.Repeat(`\pL\PL`, 83) + `]"`,
		"folded classes":  `text:~"(?i)` + strings.Repeat(`\pL`, 166) + `"`,
		"negated classes": `text:~"(?i)` + strings.Repeat(`[^\pL\pN]`, 55) + `"`,
		"digits":          `payload.x>1` + strings.Repeat("0", 4000) + "x",
		"words":           strings.Repeat("a ", 2040) + ")",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = Parse(expression)
			}
		})
	}
}
