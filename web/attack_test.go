package web

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A victim is a page with a secret. It records the requests that it answered.
type victim struct {
	*httptest.Server
	client   *recordingClient
	mu       sync.Mutex
	answered []string // requests answered with 2xx, by origin
}

const secret = "a secret that only this page may show"

func newVictim(t *testing.T) *victim {
	store := newStore(t)
	store.put(t, says("press-1", 1, time.Now(), secret))
	v := &victim{client: &recordingClient{}}
	s := newServer(t, Options{Store: store, Client: v.client, Log: slog.New(slog.DiscardHandler)})
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w, status: 200}
		s.ServeHTTP(seen, r)
		if seen.status < 300 {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.answered = append(v.answered, fmt.Sprintf("%s %s of %s, site %q", r.Method, r.URL, r.Host, r.Header.Get("Sec-Fetch-Site")))
		}
	}))
	t.Cleanup(func() {
		s.Close() // ends the event streams, which Close would wait for
		v.Close()
	})
	return v
}

func (v *victim) port() string { return v.URL[strings.LastIndexByte(v.URL, ':')+1:] }

// attackPage tries to read the address in several ways and records the results.
const attackPage = `<!doctype html><title>attack</title>
<iframe name="hole" hidden></iframe>
<form id="form" method="post" action="ADDRESS/api/publish" enctype="text/plain" target="hole"><input name='{"topic":"a","payload":"' value='"}'></form>
<script>
window.got = {};
window.done = 0;
const address = 'ADDRESS';
const tell = (name, value) => { if (!(name in got)) { got[name] = String(value); done++; } };
fetch(address + '/api/messages').then((r) => r.text()).then((s) => tell('fetch', s), () => tell('fetch', ''));
fetch(address + '/api/publish', { method: 'POST', mode: 'no-cors', body: '{"topic":"a","payload":"b"}' }).then((r) => r.text()).then((s) => tell('post', s), () => tell('post', ''));
const events = new EventSource(address + '/api/events?after=0');
events.addEventListener('message', (e) => tell('events', e.data));
events.onerror = () => { tell('events', ''); events.close(); };
const socket = new WebSocket(address.replace('http', 'ws') + '/api/events');
socket.onopen = () => tell('socket', 'open');
socket.onerror = () => tell('socket', '');
document.getElementById('form').submit();
setTimeout(() => tell('form', ''), 1500);
const script = document.createElement('script');
script.src = address + '/static/js/palette.js';
script.type = 'module';
script.onload = () => tell('script', 'loaded');
script.onerror = () => tell('script', '');
const image = new Image();
image.onload = () => tell('image', 'loaded ' + image.width);
image.onerror = () => tell('image', '');
image.src = address + '/static/icon.svg';
const frame = document.createElement('iframe');
frame.onload = () => { try { tell('frame', frame.contentDocument ? frame.contentDocument.body.innerText : ''); } catch { tell('frame', ''); } };
frame.src = address + '/';
document.head.append(script);
document.body.append(frame);
</script>`

// attacker serves the attack on address at a port of its own.
func attacker(t *testing.T, address string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(strings.ReplaceAll(attackPage, "ADDRESS", address)))
	}))
	t.Cleanup(s.Close)
	return s.URL[strings.LastIndexByte(s.URL, ':')+1:]
}

// Attack table D1, D2 and D3 in a real browser.
func TestOtherPagesGetNothing(t *testing.T) {
	ctx := chromium(t, chromedp.Flag("host-resolver-rules", "MAP evil.example 127.0.0.1"))
	for _, c := range []struct{ name, from string }{{"D1 another site", "evil.example"}, {"D3 another port", "localhost"}} {
		t.Run(c.name, func(t *testing.T) {
			v := newVictim(t)
			address := "http://localhost:" + v.port()
			open(t, ctx, "http://"+c.from+":"+attacker(t, address)+"/")
			until(t, ctx, `window.done === 8`)
			for name, got := range evaluate[map[string]string](t, ctx, `window.got`) {
				if got != "" {
					t.Errorf("%s got %.80q", name, got)
				}
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			if len(v.answered) > 0 {
				t.Errorf("answered: %v", v.answered)
			}
			if v.client.topic != "" {
				t.Errorf("published to %q", v.client.topic)
			}
		})
	}
	t.Run("D2 rebinding", func(t *testing.T) {
		v := newVictim(t)
		open(t, ctx, "http://evil.example:"+v.port()+"/")
		body := evaluate[string](t, ctx, `Promise.all(['/api/messages', '/api/events?after=0', '/', '/static/js/main.js'].map((p) => fetch(p).then(async (r) => r.status + ' ' + await r.text()))).then((all) => document.body.innerText + all.join(''))`)
		if strings.Contains(body, secret) || strings.Count(body, "421 ") != 4 {
			t.Errorf("a page of another name read %q", body)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		if len(v.answered) > 0 {
			t.Errorf("answered: %v", v.answered)
		}
	})
	t.Run("our own page works", func(t *testing.T) {
		open(t, ctx, "http://localhost:"+newVictim(t).port()+"/")
		until(t, ctx, fmt.Sprintf(`(%s).includes(%q)`, newestRow, secret))
	})
}

// Attack table D12: everything from the network is shown as text.
func TestPayloadsAreOnlyText(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	attacks := attackStrings()
	for i, s := range attacks {
		key, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		id := strings.Map(func(r rune) rune {
			if r <= ' ' || r == '/' || r == '+' || r == '#' || r == '$' || r > 0x7e && r < 0xa1 {
				return '_'
			}
			return r
		}, s)
		hello := fmt.Sprintf(`{"text":%s,"sender":%q,"boot":%q,"seq":%d,"color":%s,%s:%s}`, key, fmt.Sprintf("%.60s%d", id, i), boot, 1, key, key, key)
		topic := strings.Map(func(r rune) rune {
			if r == '+' || r == '#' || r == 0 {
				return '_'
			}
			return r
		}, s)
		store.put(t,
			arrival(topic+"x", []byte(hello), now), arrival(topic+"y", []byte(s), now),
			arrival("plain", append([]byte(s), 0xff), now), arrival("plain", fmt.Appendf(nil, `{%s:[%s]}`, key, key), now))
	}
	address := serve(t, Options{Store: store, Client: &recordingClient{}, Name: func() string { return attacks[0] }})
	ctx := chromium(t)
	watch := page.AddScriptToEvaluateOnNewDocumentParams{Source: `
window.ran = []; window.violations = [];
for (const name of ['alert', 'confirm', 'prompt', 'print', 'open']) window[name] = (...a) => { ran.push(name + a); };
Object.defineProperty(window, 'xss', { set(v) { ran.push('xss ' + v); } });
document.addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective + ' ' + e.blockedURI));`}
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, watch); err != nil {
		t.Fatal(err)
	}
	open(t, ctx, address)
	until(t, ctx, `document.querySelectorAll('#list .row:not([hidden])').length > 10`)
	// Every message is in sight once, opened, and shown in each way.
	n := len(attacks) * 4
	seen := evaluate[int](t, ctx, fmt.Sprintf(`(async () => {
  const frame = () => new Promise(requestAnimationFrame), key = (k) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true }));
  const ids = new Set(), tabs = ['json', 'raw', 'hex', 'delta'];
  key('k'); key('Enter');
  for (let i = 0; i < %d + 20; i++) {
    if (i %% 8 === 0) await frame(); // some thirty rows are in sight at once
    const title = document.querySelector('#detail h2').textContent;
    ids.add(title);
    const tab = document.querySelector('#detail [data-tab="' + tabs[i %% 4] + '"]');
    if (!tab.disabled) tab.click();
    key('k');
  }
  key('2');
  for (const name of ['#topics', '#senders']) {
    const rows = document.querySelector(name + ' .rows');
    for (rows.scrollTop = 0; rows.scrollTop + rows.clientHeight < rows.scrollHeight - 1; rows.scrollTop += rows.clientHeight) await frame();
    key('3');
  }
  return ids.size;
})()`, n))
	if seen != n {
		t.Errorf("%d of %d messages were opened", seen, n)
	}
	if ran := evaluate[[]string](t, ctx, `window.ran`); len(ran) > 0 {
		t.Errorf("scripts ran: %v", ran)
	}
	if violations := evaluate[[]string](t, ctx, `window.violations`); len(violations) > 0 {
		t.Errorf("policy violations: %v", violations)
	}
	if n := evaluate[int](t, ctx, `document.querySelectorAll('#list img, #detail img, #side img, iframe, object, embed, body script, body style, [onerror], [onload], #list a, #detail a').length`); n > 0 {
		t.Errorf("%d elements came from payloads", n)
	}
}

// attackStrings returns strings that could become markup, script or style:
// vectors times contexts that they could break out of.
func attackStrings() []string {
	vectors := []string{
		`<script>xss=1</script>`, `<img src=x onerror=xss=1>`, `<svg onload=xss=1>`, `<svg/onload=alert(1)>`, `<iframe srcdoc="<script>parent.xss=1</script>">`,
		`<a href="javascript:xss=1">x</a>`, `javascript:alert(1)`, `<body onload=alert(1)>`, `<style>*{display:none}</style>`, `<link rel=stylesheet href=//evil>`,
		`<meta http-equiv=refresh content=0;url=//evil>`, `<base href=//evil>`, `<form action=//evil><input autofocus onfocus=alert(1)>`, `<video><source onerror=alert(1)>`,
		`<details open ontoggle=alert(1)>`, `<math><mi xlink:href="javascript:alert(1)">`, `<object data="javascript:alert(1)">`, `<embed src=//evil>`, `{{constructor.constructor('alert(1)')()}}`,
		`${alert(1)}`, `<template><script>alert(1)</script></template>`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, `<!--><img src=x onerror=alert(1)>-->`,
		`<img src="x` + "`" + `" onerror=alert(1)>`, `url(javascript:alert(1))`, `expression(alert(1))`, `red;background:url(//evil)`, `&lt;img src=x onerror=alert(1)&gt;`, `&#60;script&#62;alert(1)`, `\u003cscript\u003ealert(1)`,
	}
	contexts := []string{`%s`, `">%s`, `'>%s`, `</script>%s`, `</style>%s`, `-->%s`, "`%s`", `]]>%s`, `</textarea>%s`, "\n\n%s\n\nevent: message\ndata: {}\n\n"}
	var all []string
	for _, v := range vectors {
		for _, c := range contexts {
			all = append(all, fmt.Sprintf(c, v))
		}
	}
	return all
}
