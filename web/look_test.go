package web

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"hellox/history"
	"hellox/stream"
)

// TestLook takes pictures of the page for people to judge, into the folder
// that HELLOX_LOOK names: HELLOX_LOOK=/tmp/look go test -run TestLook ./web.
func TestLook(t *testing.T) {
	dir := os.Getenv("HELLOX_LOOK")
	if dir == "" {
		t.Skip("HELLOX_LOOK names no folder for the pictures")
	}
	scenes := []struct {
		name    string
		store   func() *memStore
		address string
		click   string
	}{
		{"empty", newMemStore, "/", ""},
		{"few", few, "/", ""},
		{"detail", few, "/?id=1990", ""},
		{"one", few, "/?sender=press-3", ""},
		{"wrong", few, "/?filter=delta%3E%3E8", ""},
		{"none", few, "/?filter=nothinglikethis", ""},
		{"busy", busy, "/", ""},
		{"degraded", degraded, "/", ""},
	}
	views := []struct {
		name          string
		width, height int64
		mobile        bool
		scheme        string
	}{
		{"light", 1440, 900, false, "light"},
		{"dark", 1440, 900, false, "dark"},
		{"phone", 390, 844, true, "light"},
		{"middle", 1000, 700, false, "light"},
	}
	ctx := chromium(t)
	for _, scene := range scenes {
		address := serve(t, Options{Store: scene.store(), Name: func() string { return "kind-hellox · hellox" }})
		for _, v := range views {
			touch := chromedp.EmulateViewportOption(func(*emulation.SetDeviceMetricsOverrideParams, *emulation.SetTouchEmulationEnabledParams) {})
			if v.mobile {
				touch = func(p *emulation.SetDeviceMetricsOverrideParams, q *emulation.SetTouchEmulationEnabledParams) {
					chromedp.EmulateMobile(p, q)
					chromedp.EmulateTouch(p, q)
				}
			}
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
				t.Fatal(err)
			}
			err := chromedp.Do(ctx,
				chromedp.EmulateViewport(v.width, v.height, touch),
				chromedp.Navigate(address+scene.address),
				chromedp.Sleep(1200*time.Millisecond), // a picture, not an assertion
			)
			if err != nil {
				t.Fatal(err)
			}
			picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, scene.name+"-"+v.name+".png"), picture, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// few are five senders with an hour behind them: one fell silent, one is late,
// one lost messages, one speaks another language.
func few() *memStore {
	s := newMemStore()
	now := time.Now()
	random := rand.New(rand.NewPCG(1, 2))
	type sender struct {
		next time.Time
		seq  uint64
	}
	senders := make([]sender, 5)
	for at := now.Add(-50 * time.Minute); at.Before(now); {
		first := 0
		for i := range senders {
			if senders[i].next.Before(senders[first].next) {
				first = i
			}
		}
		who := &senders[first]
		if who.next.IsZero() {
			who.next = at.Add(time.Duration(random.IntN(5000)) * time.Millisecond)
			continue
		}
		at = who.next
		if at.After(now) {
			break
		}
		who.seq++
		m := hello(fmt.Sprintf("press-%d", first+1), who.seq, at)
		m.Latency = time.Duration(800+random.IntN(3000)) * time.Microsecond
		switch {
		case first == 4:
			m = stream.Message{Topic: "hello_world/oven/3", Sender: "hello_world/oven/3", QoS: 1, Received: at, Payload: fmt.Appendf(nil, `{"temp":%.1f,"unit":"C"}`, 180+random.NormFloat64()*4)}
		case random.IntN(80) == 0:
			m.Missed, who.seq = 3, who.seq+3
		}
		if !(first == 3 && at.After(now.Add(-41*time.Second))) && !(first == 2 && at.After(now.Add(-9*time.Second))) {
			s.add(m)
		}
		who.next = at.Add(time.Second + time.Duration(random.IntN(9000))*time.Millisecond)
	}
	s.setSender("press-4", func(x *stream.Sender) { x.State, x.Pod = stream.Silent, "CrashLoopBackOff, 2×" })
	s.setSender("press-3", func(x *stream.Sender) { x.State, x.ExpectedMS = stream.Late, 6000 })
	return s
}

// busy are 500 senders.
func busy() *memStore {
	s := newMemStore()
	now := time.Now()
	random := rand.New(rand.NewPCG(3, 4))
	seqs := make([]uint64, 500)
	for at := now.Add(-3 * time.Minute); at.Before(now); at = at.Add(time.Duration(random.IntN(22)) * time.Millisecond) {
		i := random.IntN(len(seqs))
		seqs[i]++
		s.add(hello(fmt.Sprintf("broadcast-%d", i), seqs[i], at))
	}
	return s
}

func degraded() *memStore {
	s := few()
	s.setStats(func(x *history.Stats) {
		x.Degraded = "The history's disk is full (0 B of 1.0 GiB free)."
		x.Link = stream.Link{State: stream.Connected, Since: time.Now().Add(-time.Hour)}
	})
	return s
}
