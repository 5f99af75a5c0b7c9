package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hellox/history/remote"
	"hellox/stream"
)

// retains returns what a broker would that retains these pairs of topic and payload.
func retains(pairs ...string) EachRetained {
	return func(_ context.Context, filters []string, f func(stream.Arrival) bool) error {
		for i := 0; i < len(pairs); i += 2 {
			for _, filter := range filters {
				if stream.MatchTopic(filter, pairs[i]) && !f(arrival(pairs[i], []byte(pairs[i+1]), time.Now())) {
					return nil
				}
			}
		}
		return nil
	}
}

func TestRetained(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t), Retained: retains("hello_world/b", "2", "hello_world/a", strings.Repeat("x", 300), "hellox/presence/press-1", "{}")})
	a := decodeJSON[remote.Retained](t, ask(s, "GET", "/api/retained?topic=%23", ""))
	if len(a.Messages) != 2 || a.Messages[0].Topic != "hello_world/a" || a.Messages[0].Bytes != 300 || len(*a.Messages[0].Payload) != 200 || a.More {
		t.Errorf("%+v", a)
	}
	if a := decodeJSON[remote.Retained](t, ask(s, "GET", "/api/retained?topic=hello_world/b", "")); len(a.Messages) != 1 || *a.Messages[0].Payload != "2" {
		t.Errorf("%+v", a)
	}
	failing := newServer(t, Options{Store: newStore(t), Retained: func(context.Context, []string, func(stream.Arrival) bool) error { return errors.New("no broker") }})
	if w := ask(failing, "GET", "/api/retained", ""); w.Code != 500 || !strings.Contains(w.Body.String(), "no broker") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(newServer(t, Options{Store: newStore(t)}), "GET", "/api/retained", ""); w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A retained message is cleared only after it was shown and asked for, from the send
// line and from the list; what is not stored and what is not JSON is told.
func TestPageSends(t *testing.T) {
	store := newStore(t)
	store.put(t, hello("press-1", 1, time.Now()), arrival("hello_world/lamp", []byte(`{"on":true}`), time.Now()))
	client := &recordingClient{}
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store, Client: client, Retained: retains("hello_world/lamp", `{"on":true}`, "hello_world/other", "1")}))
	until(t, ctx, live)
	fill := func(topic, payload string, retain bool) {
		t.Helper()
		evaluate[bool](t, ctx, fmt.Sprintf(`(() => {
  const set = (e, v) => { e.value = v; e.dispatchEvent(new Event('input', { bubbles: true })); };
  set(document.querySelector('#send .topic'), %q);
  set(document.querySelector('#send .grow'), %q);
  document.querySelector('#send [type=checkbox]').checked = %t;
  return true;
})()`, topic, payload, retain))
	}
	submit := func() { evaluate[bool](t, ctx, `document.querySelector('#send [type=submit]').click(), true`) }
	result := func(part string) {
		t.Helper()
		until(t, ctx, fmt.Sprintf(`document.querySelector('#send .result').innerText.replaceAll('\u202f', ' ').includes(%q)`, part))
	}
	fill("hello_world/lamp", "", true)
	submit()
	result(`clears what the broker retains on hello_world/lamp: {"on":true} (11 B)`)
	if client.topic != "" {
		t.Fatalf("published %+v", client)
	}
	fill("hello_world/lamp", "x", true) // another message: the question is void
	fill("hello_world/lamp", "", true)
	submit()
	result("Press again")
	submit()
	result("published ✓")
	if client.topic != "hello_world/lamp" || client.payload != "" || !client.retain {
		t.Errorf("published %+v", client)
	}
	if evaluate[bool](t, ctx, `document.querySelector('#send [type=checkbox]').checked`) {
		t.Error("the next message would be retained as well")
	}
	client.topic = ""
	fill("hello_world/none", "", true)
	submit()
	result("retains nothing on hello_world/none")
	if client.topic != "" {
		t.Errorf("published %+v", client)
	}
	fill("other/topic", `{"a":}`, false)
	result("not JSON: ")
	client.topic = ""
	submit()
	result("Press again to send it as it is")
	if client.topic != "" {
		t.Errorf("published what is not JSON without a question: %+v", client)
	}
	submit()
	result("it is not shown here")
	if client.payload != `{"a":}` {
		t.Errorf("published %+v", client)
	}

	evaluate[bool](t, ctx, `[...document.querySelectorAll('#send button')].find((b) => b.innerText.startsWith('retained')).click(), true`)
	until(t, ctx, `document.querySelectorAll('#retained .list .row').length === 2`)
	client.topic = ""
	evaluate[bool](t, ctx, `document.querySelectorAll('#retained .list .row')[1].querySelector('button:last-child').click(), true`)
	until(t, ctx, `document.activeElement.innerText === 'keep'`)
	if client.topic != "" {
		t.Errorf("published %+v", client)
	}
	evaluate[bool](t, ctx, `document.activeElement.nextSibling.click(), true`)
	until(t, ctx, `document.querySelectorAll('#retained .list .row').length === 1`)
	if client.topic != "hello_world/other" || client.payload != "" || !client.retain {
		t.Errorf("published %+v", client)
	}
	// A message is put back into the send line, and copied as it came.
	evaluate[bool](t, ctx, `document.querySelector('#retained').close(), navigator.clipboard.writeText = async (s) => { window.copied = s; }, true`)
	press(t, ctx, "k")
	press(t, ctx, "Enter")
	until(t, ctx, `document.querySelector('#detail h2').innerText === '#2'`)
	button := func(name string) {
		evaluate[bool](t, ctx, fmt.Sprintf(`[...document.querySelectorAll('#detail footer button')].find((b) => b.innerText === %q).click(), true`, name))
	}
	button("copy payload")
	until(t, ctx, `window.copied === '{"on":true}'`)
	button("edit and send")
	until(t, ctx, `document.querySelector('#send .topic').value === 'hello_world/lamp' && document.querySelector('#send .grow').value === '{"on":true}'`)
}
