package tui

import (
	"fmt"
	"testing"

	"github.com/muesli/termenv"
	"pgregory.net/rapid"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
	"hellox/tui/tuitest"
)

// hostileScreens shows s in every place there is, in every third scene from one
// on, and checks each frame; the last one of a scene is also painted in tmux.
func hostileScreens(t *testing.T, j *judge, s string, first, w, h int) {
	all := []scene{payloadScenes[first%len(payloadScenes)]}
	for i := first % 3; i < len(scenes); i += 3 {
		all = append(all, scenes[i])
	}
	for _, scene := range all {
		sc := open(t, tuitest.Hostile(s), termenv.TrueColor, w, h, acting, func(o *Options) { o.Title = s })
		scene.get(sc)
		sc.poll()
		fits(t, sc.m.View(), w, h)
		sc.send(source.ActedMsg{Text: s})
		fits(t, sc.m.View(), w, h)
		sc.send(source.ActedMsg{Err: fmt.Errorf("publish to %s: %w", s, errHostile(s))})
		sc.send(source.EventsMsg{Gen: sc.m.shared.gen, Events: []history.Event{{Link: &stream.Link{State: stream.Retrying, Cause: s}}}})
		fits(t, sc.m.View(), w, h)
		sc.m.notice = notice{}
		sc.send(source.TickMsg{})
		fits(t, sc.m.View(), w, h)
		j.whole(t, sc.m.View(), w, h)
		if t.Failed() {
			t.Fatalf("in scene %s at %dx%d with %.100q", scene.name, w, h, s)
		}
	}
}

type errHostile string

func (e errHostile) Error() string { return string(e) }

// TestNothingHostileReachesTheScreen puts each of the corpus into every field.
func TestNothingHostileReachesTheScreen(t *testing.T) {
	all := tuitest.Corpus()
	if len(all) < 200 {
		t.Fatalf("the corpus has %d texts, want at least 200", len(all))
	}
	j := newJudge(t)
	sizes := []struct{ w, h int }{{80, 24}, {160, 50}, {59, 14}, {120, 40}}
	for i, s := range all {
		hostileScreens(t, j, s, i, sizes[i%4].w, sizes[i%4].h)
	}
}

// TestNoFrameIsTooWide tries any text in any size.
func TestNoFrameIsTooWide(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.SampledFrom(tuitest.Corpus()), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(r, "text")
		hostileScreens(t, nil, s, rapid.IntRange(0, 2).Draw(r, "scene"), rapid.IntRange(1, 200).Draw(r, "width"), rapid.IntRange(1, 60).Draw(r, "height"))
	})
}
