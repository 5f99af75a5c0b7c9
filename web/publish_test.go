package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hellox/history/remote"
	"hellox/stream"
)

// A recordingClient records its arguments and returns answer and err.
type recordingClient struct {
	topic   string
	payload string
	qos     byte
	retain  bool
	to      string
	command stream.Command
	answer  stream.Answer
	err     error
}

func (c *recordingClient) Publish(_ context.Context, topic string, payload []byte, qos byte, retain bool) error {
	c.topic, c.payload, c.qos, c.retain = topic, string(payload), qos, retain
	return c.err
}

func (c *recordingClient) Ask(_ context.Context, id string, command stream.Command) (stream.Answer, time.Duration, error) {
	c.to, c.command = id, command
	return c.answer, 1500 * time.Microsecond, c.err
}

// TestPublishUnstored says of what is published why it will not be shown.
func TestPublishUnstored(t *testing.T) {
	for _, c := range []struct {
		shared     bool
		topic, why string
		qos        int
	}{
		{false, "hello_world/a", "", 0},
		{true, "hello_world/a", "", 1},
		{true, "hello_world/a", "a broker of several nodes passes QoS 0 on and stores it nowhere", 0},
		{true, "a", "the receiver does not subscribe to this topic", 0},
	} {
		s := newServer(t, Options{Store: newStore(t), Client: &recordingClient{}, Shared: c.shared, Log: slog.New(slog.DiscardHandler)})
		w := ask(s, "POST", "/api/publish", fmt.Sprintf(`{"topic":%q,"payload":"b","qos":%d}`, c.topic, c.qos))
		var got struct {
			Stored   bool
			Unstored string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Stored != (c.why == "") || got.Unstored != c.why {
			t.Errorf("%+v: %v, %s", c, err, w.Body)
		}
	}
}

func TestPublish(t *testing.T) {
	client := &recordingClient{}
	s := newServer(t, Options{Store: newStore(t), Client: client, Log: slog.New(slog.DiscardHandler)})
	for body, want := range map[string]recordingClient{
		`{"topic":"a/b","payload":"hi"}`:                           {topic: "a/b", payload: "hi", qos: 1},
		`{"topic":"a","payload":"","qos":0,"retain":true}`:         {topic: "a", qos: 0, retain: true},
		`{"topic":"a","payload_base64":"//4=","qos":2}`:            {topic: "a", payload: "\xff\xfe", qos: 2},
		`{"topic":"a","payload_base64":""}`:                        {topic: "a", qos: 1},
		`{"topic":"a","payload":"\ud83d\ude00\\ud800"}`:            {topic: "a", payload: `😀\ud800`, qos: 1},
		`{"topic":"ü","payload":"\u0000\u202e"}`:                   {topic: "ü", payload: "\x00\u202e", qos: 1},
		`{"topic":"a","payload":"` + strings.Repeat("x", 9) + `"}`: {topic: "a", payload: "xxxxxxxxx", qos: 1},
	} {
		if w := ask(s, "POST", "/api/publish", body); w.Code != 200 {
			t.Errorf("%s: status %d %s", body, w.Code, w.Body)
		}
		if *client != want {
			t.Errorf("%s: published %+v", body, *client)
		}
	}
	for body, want := range map[string]int{
		``:                                   400,
		`[]`:                                 400,
		`{"topic":"a"}{}`:                    400,
		`{"topic":"a","reatin":true}`:        400,
		`{"topic":"a"}`:                      400,
		`{"topic":"a","retain":true}`:        400,
		`{"topic":"a","payload":null}`:       400,
		`{"topic":""}`:                       400,
		`{"topic":"a/+"}`:                    400,
		`{"topic":"hellox/command/press-1"}`: 400,
		`{"topic":"$SYS/x"}`:                 400,
		`{"topic":"a","qos":3}`:              400,
		`{"topic":"a","payload":"b","payload_base64":"Yg=="}`:            400,
		`{"topic":"a","payload":"` + strings.Repeat("x", 270_000) + `"}`: 413,
	} {
		*client = recordingClient{}
		if w := ask(s, "POST", "/api/publish", body); w.Code != want || client.topic != "" {
			t.Errorf("%.60s: status %d, published to %q", body, w.Code, client.topic)
		}
	}
	client.err = errors.New("the broker is away")
	if w := ask(s, "POST", "/api/publish", `{"topic":"a","payload":""}`); w.Code != 500 || !strings.Contains(w.Body.String(), "the broker is away") {
		t.Errorf("status %d %s", w.Code, w.Body)
	}
	client.err = fmt.Errorf("%w: topic has 17 levels; at most 16", stream.ErrRefused)
	if w := ask(s, "POST", "/api/publish", `{"topic":"a","payload":""}`); w.Code != 400 || !strings.Contains(w.Body.String(), "17 levels") {
		t.Errorf("status %d %s", w.Code, w.Body)
	}
	client.err = context.DeadlineExceeded
	if w := ask(s, "POST", "/api/publish", `{"topic":"a","payload":""}`); w.Code != 504 {
		t.Errorf("status %d", w.Code)
	}
}

func TestWithoutAClient(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t)})
	for target, body := range map[string]string{"/api/publish": `{"topic":"a","payload":""}`, "/api/command": `{"to":"press-1","do":"pause"}`} {
		if w := ask(s, "POST", target, body); w.Code != 503 || !strings.Contains(w.Body.String(), "this page only shows") {
			t.Errorf("%s: status %d %s", target, w.Code, w.Body)
		}
	}
}

// Why a body is refused is said in the words of JSON.
func TestWrongBodies(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t), Client: &recordingClient{}})
	for body, want := range map[string]string{
		``:                                        "the body is empty",
		`[]`:                                      "the body is a JSON array; it must be an object",
		`7`:                                       "the body is a JSON number; it must be an object",
		`true`:                                    "the body is a JSON boolean; it must be an object",
		`{"topic":"a","payload":{"a":1}}`:         "payload is a JSON object; it must be a string",
		`{"topic":"a","payload":5}`:               "payload is a JSON number; it must be a string",
		`{"topic":"a","qos":"1"}`:                 "qos is a JSON string; it must be a number from 0",
		`{"topic":"a","qos":-1}`:                  "qos is a JSON number; it must be a number from 0",
		`{"topic":"a","retain":1}`:                "retain is a JSON number; it must be true or false",
		`{"topic":"a","payload_base64":"%%"}`:     "payload_base64 is not base64",
		`{"topic":"a","reatin":true}`:             `there is no field "reatin" here`,
		`{"topic":"a"`:                            "the body is not JSON: it ends too early",
		`{"topic":nothing}`:                       "the body is not JSON: at byte 11",
		`{"topic":"a"} {}`:                        "something follows it",
		`null`:                                    "the body is a JSON null; it must be an object",
		` null `:                                  "the body is a JSON null; it must be an object",
		`{"topic":"a"}`:                           `give payload or payload_base64; "" is the empty payload`,
		`{"topic":"a","payload":"\ud800"}`:        `\ud800 at byte 25 is half of a character`,
		`{"topic":"a","payload":"\ude00\ud83d"}`:  `\ude00 at byte 25 is half of a character`,
		`{"topic":"a","payload":"\ud83dx"}`:       `\ud83d at byte 25 is half of a character`,
		`{"topic":"a","payload":"\ud83d\u0041"}`:  `\ud83d at byte 25 is half of a character`,
		"{\"topic\":\"a\",\"payload\":\"\xff\"}":  "the body is not UTF-8: at byte 25",
		`{"topic":` + strings.Repeat("[", 10_001): "the body is nested too deep: at byte 10009",
	} {
		w := ask(s, "POST", "/api/publish", body)
		p := decodeJSON[remote.APIError](t, w)
		if w.Code != 400 || !strings.Contains(p.Detail, want) || strings.Contains(p.Detail, "Go ") || strings.Contains(p.Detail, "unmarshal") {
			t.Errorf("%s: status %d, %q", body, w.Code, p.Detail)
		}
	}
	w := ask(s, "POST", "/api/command", `{"to":"a","do":["say"]}`)
	if p := decodeJSON[remote.APIError](t, w); w.Code != 400 || !strings.Contains(p.Detail, "do is a JSON array; it must be a string") {
		t.Errorf("status %d, %q", w.Code, p.Detail)
	}
}

func TestOnlyJSONIsTaken(t *testing.T) {
	client := &recordingClient{}
	s := newServer(t, Options{Store: newStore(t), Client: client})
	for kind, want := range map[string]int{
		"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "application/jsonp": 415,
		"application/json": 200, "Application/JSON; charset=utf-8": 200,
	} {
		client.topic = ""
		w := ask(s, "POST", "/api/publish", `{"topic":"a","payload":""}`, "Content-Type", kind)
		if w.Code != want || (client.topic != "") != (want == 200) {
			t.Errorf("%q: status %d, published to %q", kind, w.Code, client.topic)
		}
	}
}

// The answer reports whether the receiver subscribes to the topic.
func TestPublishSaysWhetherItIsStored(t *testing.T) {
	type published struct{ Stored bool }
	for topic, want := range map[string]bool{"hello_world/publish": true, "hello_world": true, "other/topic": false} {
		s := newServer(t, Options{Store: newStore(t), Client: &recordingClient{}})
		if got := decodeJSON[published](t, ask(s, "POST", "/api/publish", `{"topic":"`+topic+`","payload":""}`)); got.Stored != want {
			t.Errorf("%s: stored %v", topic, got.Stored)
		}
	}
	s := newServer(t, Options{Store: newStore(t), Client: &recordingClient{}, Topics: []string{"other/+"}})
	if !decodeJSON[published](t, ask(s, "POST", "/api/publish", `{"topic":"other/topic","payload":""}`)).Stored {
		t.Error("what --topic names is not stored")
	}
}
