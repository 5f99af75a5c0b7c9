package filter

// A TermInfo describes one kind of term, for the help of the page, the
// terminal and the command line, and for completing what is typed.
type TermInfo struct {
	Key         string // what it begins with, "" for a plain word
	Description string // when it is true
	Example     string // a whole term
}

// Terms returns the terms of the filter language, in the order in which
// help shows them.
func Terms() []TermInfo {
	return []TermInfo{
		{"", "occurs in topic, sender or payload; JSON texts also without escapes", `hello`},
		{"", "words in quotes belong together", `"hello world"`},
		{"sender:", "the sender, with * and ? for any characters; from: says the same", `sender:press-*`},
		{"topic:", "an MQTT topic filter", `topic:hello_world/+`},
		{"text:", "occurs in the text; of others than hellox broadcasters, in the payload", `text:hello`},
		{"payload:", "occurs in the payload", `payload:hello`},
		{"text:~", "a regular expression (RE2) matches; also sender:~, topic:~ and payload:~", `text:~^err\d`},
		{"sender=", "exactly this, case included; also topic= and text=, and != for all others", `sender=press-3`},
		{"delta", "time since the sender's previous message: = != < <= > >=", `delta>10s`},
		{"latency", "time since it was sent", `latency>=50ms`},
		{"age", "time since it was received", `age<5m`},
		{"size", "bytes of the payload", `size>1KiB`},
		{"seq", "the sender's number", `seq<100`},
		{"qos", "0, 1 or 2", `qos=1`},
		{"payload", "the whole payload: numbers as numbers, texts exactly: = != < <= > >=", `payload>30`},
		{"payload.", "the value at that path in a JSON payload: = != < <= > >= : :~", `payload.temp>=30`},
		{"payload.", "a text exactly, case included; in quotes if it is a number or empty", `payload.action!=""`},
		{"payload.", "places in arrays count from 0", `payload.items[0].id=7`},
		{"payload.", "[] is any place in an array", `payload.items[].id=7`},
		{"payload.", "a name with signs of the language, in quotes", `payload.params."switch:0".apower>0`},
		{"is:retained", "retained by the broker", `is:retained`},
		{"is:missed", "numbers are missing before it", `is:missed`},
		{"is:reordered", "an older number after a newer one", `is:reordered`},
		{"is:ours", "published by a hellox broadcaster", `is:ours`},
		{"is:json", "the payload is JSON", `is:json`},
		{"or", "one of two; terms side by side must all be true", `hello or text:bye`},
		{"not", "the contrary; or a - right before a term", `not is:retained`},
		{"(", "what is in brackets belongs together", `-(qos=0 or size<10)`},
	}
}
