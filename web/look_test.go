package web

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

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
		store   func(*testing.T) *testStore
		address string
		key     string // pressed before the picture is taken; "": none
	}{
		{"empty", newStore, "/", ""},
		{"few", few, "/", ""},
		{"charts", few, "/", "4"},
		{"charts-filter", few, "/?filter=delta%3E5s", "4"},
		{"topics", few, "/", "2"},
		{"detail", few, "/?id=1990", ""},
		{"one", few, "/?sender=press-3", ""},
		{"wrong", few, "/?filter=delta%3E%3E8", ""},
		{"none", few, "/?filter=nothinglikethis", ""},
		{"busy", busy, "/", ""},
		{"degraded", degraded, "/", ""},
		{"brokerless", brokerless, "/", ""},
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
		{"phone-dark", 390, 844, true, "dark"},
		{"middle", 1000, 700, false, "light"},
		{"small", 700, 800, false, "light"},
		{"small-dark", 700, 800, false, "dark"},
	}
	only := os.Getenv("HELLOX_LOOK_ONLY") // part of a picture's name
	ctx := chromium(t)
	for _, scene := range scenes {
		address := serve(t, Options{Store: scene.store(t), Name: func() string { return "kind-hellox · hellox" }})
		for _, v := range views {
			if !strings.Contains(scene.name+"-"+v.name, only) {
				continue
			}
			touch := func(*emulation.SetDeviceMetricsOverrideParams, *emulation.SetTouchEmulationEnabledParams) {}
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
			if scene.key != "" {
				press(t, ctx, scene.key)
				if err := chromedp.Do(ctx, chromedp.Sleep(500*time.Millisecond)); err != nil {
					t.Fatal(err)
				}
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

func degraded(t *testing.T) *testStore {
	s := few(t)
	s.degraded = "The history's disk is full (0 B of 1.0 GiB free)."
	return s
}

func brokerless(t *testing.T) *testStore {
	s := few(t)
	s.link = stream.Link{State: stream.Retrying, Since: time.Now().Add(-12 * time.Second), Retry: time.Now().Add(4 * time.Second), Cause: "connect to mqtt://broker:1883: connection refused"}
	return s
}
