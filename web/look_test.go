package web

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"hellox/stream"
)

// views are the screens on which pictures are taken.
var views = []view{
	{"light", 1440, 900, false, "light"},
	{"dark", 1440, 900, false, "dark"},
	{"phone", 390, 844, true, "light"},
	{"phone-dark", 390, 844, true, "dark"},
	{"phone-small", 320, 568, true, "light"},
	{"middle", 1000, 700, false, "light"},
	{"tablet", 768, 1024, true, "light"},
	{"tablet-dark", 768, 1024, true, "dark"},
	{"laptop", 1280, 720, false, "light"},
	{"laptop-dark", 1280, 720, false, "dark"},
	{"full", 1920, 1080, false, "light"},
	{"full-dark", 1920, 1080, false, "dark"},
	{"small", 700, 800, false, "light"},
	{"small-dark", 700, 800, false, "dark"},
	{"wide", 2560, 1440, false, "light"},
	{"wide-dark", 2560, 1440, false, "dark"},
	{"4k", 3840, 2160, false, "light"},
	{"4k-dark", 3840, 2160, false, "dark"},
}

// TestLook takes pictures of the page for people to judge, into the folder
// that HELLOX_LOOK names: HELLOX_LOOK=/tmp/look go test -run TestLook ./web. With
// HELLOX_LOOK_ONLY only those whose names match that regular expression.
func TestLook(t *testing.T) {
	dir := os.Getenv("HELLOX_LOOK")
	if dir == "" {
		t.Skip("HELLOX_LOOK names no folder for the pictures")
	}
	only := regexp.MustCompile(os.Getenv("HELLOX_LOOK_ONLY"))
	scenes := []struct {
		name  string
		store func(*testing.T) *testStore
		path  string
		key   string // pressed before the picture is taken; "": none
	}{
		{"empty", newStore, "/", ""},
		{"few", few, "/", ""},
		{"few-charts", few, "/", "4"},
		{"few-charts-filter", few, "/?filter=delta%3E5s", "4"},
		{"few-topics", few, "/", "2"},
		{"few-detail", few, "/?id=1990", ""},
		{"few-one", few, "/?sender=press-3", ""},
		{"busy", busy, "/", ""},
		{"thousands", thousands, "/", ""},
		{"degraded", degraded, "/", ""},
		{"brokerless", brokerless, "/", ""},
	}
	for _, scene := range scenes {
		take := func(*testing.T, context.Context) {}
		if scene.key != "" {
			take = pressed(scene.key)
		}
		photographs(t, dir, only, pose{name: scene.name, path: scene.path[1:], take: take, shows: "true"}, func() *front { return lookAt(t, scene.store(t)) })
	}
	lookAtLogin(t, dir, only)
	var f *front
	serves := func() *front {
		if f == nil {
			f = lookAt(t, accessStore(t).run(t))
		}
		return f
	}
	cut := func(*testing.T, context.Context) { f.cut(true) }
	for _, p := range append(slices.Clone(poses), pose{name: "connection lost", take: cut, shows: `!document.querySelector('#banner').hidden`}) {
		p.name = "pose-" + strings.ReplaceAll(p.name, " ", "-")
		photographs(t, dir, only, p, serves)
	}
}

// lookAtLogin takes pictures of the login, with a code that is not valid.
func lookAtLogin(t *testing.T, dir string, only *regexp.Regexp) {
	for _, v := range views {
		name := "login-" + v.name
		if !only.MatchString(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			g := serveGuarded(t, Options{Store: newStore(t)}, "127.0.0.1:0")
			ctx := chromium(t, chromedp.Flag("ignore-certificate-errors", true))
			open(t, ctx, g.address+"/login#WRONG")
			v.look(t, ctx)
			until(t, ctx, `document.querySelector('#words').innerText.startsWith('this code is not valid')`)
			save(t, ctx, filepath.Join(dir, name+".png"))
		})
	}
}

// save writes a picture of the page.
func save(t *testing.T, ctx context.Context, file string) {
	t.Helper()
	time.Sleep(time.Second) // a picture, not an assertion
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// lookAt serves a store as the page of a cluster.
func lookAt(t *testing.T, store *testStore) *front {
	return newFront(t, Options{Store: store, Client: &recordingClient{}, Retained: retains("hello_world/lamp", "on", "hello_world/other", `{"a":1}`), Name: func() string { return "kind-hellox · hellox" }})
}

// photographs writes the pictures of a pose in each view into a folder, those whose names
// match only.
func photographs(t *testing.T, dir string, only *regexp.Regexp, p pose, serves func() *front) {
	for _, v := range views {
		name := p.name + "-" + v.name
		if !only.MatchString(name) {
			continue
		}
		f := serves()
		t.Run(name, func(t *testing.T) { // its tab ends with it
			ctx := chromium(t)
			media(t, ctx, "prefers-color-scheme", v.scheme)
			p.bring(t, ctx, f.URL)
			v.look(t, ctx)
			save(t, ctx, filepath.Join(dir, name+".png"))
			f.cut(false)
		})
	}
}

// A view is a screen and the colours that are wished for on it.
type view struct {
	name          string
	width, height int64
	mobile        bool
	scheme        string
}

// look shows the page in v.
func (v view) look(t *testing.T, ctx context.Context) {
	t.Helper()
	touch := func(*emulation.SetDeviceMetricsOverrideParams, *emulation.SetTouchEmulationEnabledParams) {}
	if v.mobile {
		touch = func(p *emulation.SetDeviceMetricsOverrideParams, q *emulation.SetTouchEmulationEnabledParams) {
			chromedp.EmulateMobile(p, q)
			chromedp.EmulateTouch(p, q)
		}
	}
	media(t, ctx, "prefers-color-scheme", v.scheme)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(v.width, v.height, touch)); err != nil {
		t.Fatal(err)
	}
}

// few returns five senders over most of an hour: one is silent, one late, one
// lost messages, one does not publish hellox messages.
func few(t *testing.T) *testStore {
	s := newStore(t)
	now := time.Now()
	random := rand.New(rand.NewPCG(1, 2))
	next, seq := make([]time.Time, 5), make([]uint64, 5)
	for i := range next {
		next[i] = now.Add(-50*time.Minute + time.Duration(random.IntN(5000))*time.Millisecond)
	}
	for {
		i := 0
		for j := range next {
			if next[j].Before(next[i]) {
				i = j
			}
		}
		at := next[i]
		if at.After(now) {
			break
		}
		next[i] = at.Add(time.Second + time.Duration(random.IntN(9_000_000))*time.Microsecond)
		if i == 3 && at.After(now.Add(-41*time.Second)) || i == 2 && at.After(now.Add(-6*time.Second)) {
			continue
		}
		seq[i]++
		if i != 4 {
			if random.IntN(80) == 0 {
				seq[i] += 3
			}
			s.put(t, hello(fmt.Sprintf("press-%d", i+1), seq[i], at))
			continue
		}
		s.put(t, arrival("hello_world/oven/3", fmt.Appendf(nil, `{"temp":%.1f,"unit":"C"}`, 180+random.NormFloat64()*4), at))
	}
	s.pods = map[string]stream.Pod{"press-4": {Name: "press-4", Phase: "Running", Reason: "CrashLoopBackOff"}}
	return s.run(t)
}

// busy returns 500 senders.
func busy(t *testing.T) *testStore {
	s := newStore(t)
	now := time.Now()
	random := rand.New(rand.NewPCG(3, 4))
	seqs := make([]uint64, 500)
	for at := now.Add(-3 * time.Minute); at.Before(now); at = at.Add(time.Duration(random.IntN(22)) * time.Millisecond) {
		i := random.IntN(len(seqs))
		seqs[i]++
		s.put(t, hello(fmt.Sprintf("broadcast-%d", i), seqs[i], at))
	}
	return s.run(t)
}

// thousands returns 10,000 senders.
func thousands(t *testing.T) *testStore {
	s := newStore(t)
	s.many(t, "press-", 10_000)
	return s.run(t)
}

func degraded(t *testing.T) *testStore {
	s := few(t)
	s.degraded = "The history's disk is full: nothing is acknowledged until there is room in /data."
	return s
}

func brokerless(t *testing.T) *testStore {
	s := few(t)
	s.link = stream.Link{State: stream.Retrying, Since: time.Now().Add(-12 * time.Second), Retry: time.Now().Add(4 * time.Second), Cause: "connect to mqtt://broker:1883: connection refused"}
	return s
}
