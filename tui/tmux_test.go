package tui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	memorystore "hellox/history/memory"
	"hellox/stream"
)

// shownInTmux is the variable that makes this test binary the program that is
// shown in tmux.
const shownInTmux = "HELLOX_TEST_SHOWN_IN_TMUX"

func TestMain(m *testing.M) {
	if what := os.Getenv(shownInTmux); what != "" {
		show := showDisputed
		switch what {
		case "large":
			show = showLarge
		case "payloads":
			show = showPayloads
		}
		if err := show(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// disputed are texts on whose width terminals disagree.
var disputed = []string{
	"नमस्ते हिन्दी", "👋🏽", "👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽", "🇩🇪🇫🇷", "🇩", "👩‍👩‍👧‍👦 family", "🏳️‍🌈", "✈️ ❤️ 1️⃣", "e\u0301o\u0308",
	"ประเทศไทย ก็กำ", "தமிழ் நிகழ்ச்சி", "한국어 각", "日本語", "👨🏿‍🚀 " + strings.Repeat("हिन्दी ", 12),
}

// showDisputed shows them as they come: in text, topic and sender.
func showDisputed() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store := memorystore.New(0)
	defer store.Close()
	say := func(topic string, payload []byte) {
		_ = store.Append(ctx, []stream.Arrival{{Topic: topic, Payload: payload, Received: time.Now(), Ack: func() {}}})
	}
	go func() {
		for seq := uint64(1); seq <= 4; seq++ {
			for _, s := range disputed {
				h := stream.Hello{Text: s, Sender: s, Boot: "01JDFQK3V0000000000000000A", Seq: seq, Sent: time.Now()}
				say(stream.BroadcastTopic(s), h.AppendJSON(nil))
				say("t/"+s, []byte(s))
				say("t/u", []byte(s))
				time.Sleep(5 * time.Millisecond) // so that they come in several frames
			}
		}
		say("t/u", []byte("the last one"))
	}()
	return Run(ctx, Options{Store: store, Title: "tmux", In: os.Stdin, Out: os.Stdout, Background: "dark"})
}

// showLarge shows payloads that take seconds to be laid out as a whole, for as long
// as it runs.
func showLarge() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store := memorystore.New(64 << 20)
	defer store.Close()
	payloads := [][]byte{
		[]byte(strings.Repeat("[", 9990) + "1" + strings.Repeat("]", 9990)),
		[]byte("[" + strings.Repeat("1.5,", 600_000) + "1]"),
		[]byte(strings.Repeat("x", 2<<20)),
		[]byte(`{"text":"` + strings.Repeat(`\u00fc`, 400_000) + `"}`),
	}
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			arrival := stream.Arrival{Topic: fmt.Sprintf("large/%d", i%4), Payload: payloads[i%4], Received: time.Now(), Ack: func() {}}
			_ = store.Append(ctx, []stream.Arrival{arrival})
			time.Sleep(20 * time.Millisecond) // as from a network
		}
	}()
	return Run(ctx, Options{Store: store, Title: "tmux", In: os.Stdin, Out: os.Stdout, Background: "dark"})
}

// showPayloads shows payloads to work with.
func showPayloads() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store := memorystore.New(0)
	defer store.Close()
	say := func(topic string, payload []byte) {
		_ = store.Append(ctx, []stream.Arrival{{Topic: topic, Payload: payload, Received: time.Now(), Ack: func() {}}})
	}
	for _, name := range []string{"deep names", "twice", "signs", "damaged", "wrong"} {
		say("hostile", []byte(hostilePayloads()[name]))
	}
	for _, m := range payloads().Stored {
		say(m.Topic, m.Payload)
	}
	for _, s := range disputed {
		say("plant/names", fmt.Appendf(nil, `{%q:{"text":%q,"n":%d}}`, s, s+s, len(s)))
	}
	return Run(ctx, Options{Store: store, Title: "tmux", In: os.Stdin, Out: os.Stdout, Background: "dark"})
}

// A tmux is a terminal that is not ours, with a shell that runs this test binary.
type tmux struct {
	t      *testing.T
	socket string
}

func newTmux(t *testing.T, what string, w, h int) tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "tmux") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	x := tmux{t, filepath.Join(dir, "s")}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", x.socket, "kill-server").Run()
		_ = os.RemoveAll(dir)
	})
	shell := fmt.Sprintf("%s=%s '%s'; echo left with $?; exec cat", shownInTmux, what, os.Args[0])
	x.run("-f", "/dev/null", "-u", "new-session", "-d", "-x", fmt.Sprint(w), "-y", fmt.Sprint(h), shell)
	return x
}

func (x tmux) run(args ...string) string {
	x.t.Helper()
	command := exec.Command("tmux", append([]string{"-S", x.socket}, args...)...)
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TERM=xterm-256color", "TMUX=")
	out, err := command.CombinedOutput()
	if err != nil {
		x.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// until returns the screen once it is as wanted.
func (x tmux) until(what string, is func(screen []string) bool) []string {
	x.t.Helper()
	var screen string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		screen = x.run("capture-pane", "-p")
		if lines := strings.Split(screen, "\n"); is(lines) {
			return lines
		}
	}
	x.t.Fatalf("the screen never shows %s:\n%s", what, screen)
	return nil
}

func has(words string) func([]string) bool {
	return func(screen []string) bool { return strings.Contains(strings.Join(screen, "\n"), words) }
}

// whole waits until the lines that frame the screen are where they belong, and it
// has the words. A frame may be read while it is painted; a broken one stays so.
func (x tmux) whole(tab, words string) []string {
	x.t.Helper()
	return x.until(tab+" in a whole frame", func(screen []string) bool {
		last := len(screen) - 1
		for at, want := range map[int]string{0: "^ hellox · ", 1: tab, last - 1: "10 min .*(following|by name)", last: `^ / filter.*q quit`} {
			if at < 0 || at > last || !regexp.MustCompile(want).MatchString(screen[at]) {
				return false
			}
		}
		return has(words)(screen)
	})
}

// TestTheFrameIsWholeInTmux shows texts that tmux takes for wider, or narrower,
// than we do.
func TestTheFrameIsWholeInTmux(t *testing.T) {
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 30}, {55, 50}} {
		t.Run(fmt.Sprintf("%dx%d", size.w, size.h), func(t *testing.T) {
			x := newTmux(t, "disputed", size.w, size.h)
			screen := x.whole("^›1 stream", "the last")
			if len(screen) != size.h {
				t.Fatalf("the screen has %d lines", len(screen))
			}
			row := regexp.MustCompile(`^ \d\d:\d\d:\d\d\.\d{3} [▌┃]`)
			for i, line := range screen[2 : size.h-2] {
				if !row.MatchString(line) {
					t.Errorf("line %d is %q, want a message, of the screen\n%s", i+2, line, strings.Join(screen, "\n"))
				}
			}
			x.run("send-keys", "2")
			// The columns behind a disputed text stand where they belong: nothing is cut
			// at the edge.
			age := regexp.MustCompile(`\d (s|m|ms)$`)
			for i, line := range x.whole("›2 topics", "messages")[3 : size.h-2] {
				line, _, _ = strings.Cut(line, "│") // beside it is the detail
				if line = strings.TrimRight(line, " "); line != "" && !age.MatchString(line) {
					t.Errorf("topic %d is %q, without its age", i, line)
				}
			}

			// What something else wrote to the terminal is gone after ctrl+l.
			tty, err := os.OpenFile(x.run("display", "-p", "#{pane_tty}"), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer tty.Close()
			if _, err := tty.WriteString("\x1b[2;1Hwall: the system goes down"); err != nil {
				t.Fatal(err)
			}
			x.until("what was written over it", has("wall:"))
			x.run("send-keys", "C-l")
			x.whole("^ 1 stream *›2 topics", "messages")

			if wraps := x.run("display", "-p", "#{wrap_flag}"); wraps != "0" {
				t.Errorf("tmux wraps while the screen is shown: %q", wraps)
			}
			x.run("send-keys", "q")
			x.until("the end", has("left with 0"))
			if wraps := x.run("display", "-p", "#{wrap_flag}"); wraps != "1" {
				t.Errorf("tmux does not wrap after the end: %q", wraps)
			}
		})
	}
}

// TestKeysAreAnsweredInTmux presses keys while large payloads arrive, with the
// detail beside the list. A screen that hangs answers none.
func TestKeysAreAnsweredInTmux(t *testing.T) {
	x := newTmux(t, "large", 130, 30)
	x.until("the first messages", has("large/3"))
	for _, key := range []struct{ key, shows, hides string }{
		{"?", "one down", ""}, {"Escape", "following", "one down"}, {"Space", "paused", ""}, {"k", "paused", ""}, {"x", "raw", ""}, {"x", "hex", ""},
		{"2", "›2 topics", ""}, {"j", "large", ""}, {"3", "›3 senders", ""}, {"1", "›1 stream", ""}, {":", "go to:", ""}, {"Escape", "›1 stream", "go to:"},
		{"G", "following", ""}, {"Enter", "esc back", ""}, {"NPage", "esc back", ""}, {"Escape", "›1 stream", "esc back"},
	} {
		x.run("send-keys", key.key)
		x.until("what "+key.key+" leads to", func(screen []string) bool {
			return has(key.shows)(screen) && (key.hides == "" || !has(key.hides)(screen)) // esc and the next key are not read as one
		})
	}
	x.run("send-keys", "q")
	x.until("the end", has("left with 0"))
}

// TestPayloadsInTmux works with payloads whose names and texts terminals do not agree
// on, and with those that could break a frame.
func TestPayloadsInTmux(t *testing.T) {
	x := newTmux(t, "payloads", 80, 24)
	x.whole("^›1 stream", "plant/names")
	shows := func(key string, words ...string) {
		t.Helper()
		x.run("send-keys", key)
		x.until("what "+key+" leads to", func(screen []string) bool {
			for _, w := range words {
				if !has(w)(screen) {
					return false
				}
			}
			last := len(screen) - 1
			return strings.HasPrefix(screen[0], " hellox · ") && strings.HasPrefix(screen[last], " esc back") && strings.Contains(screen[last-1], "10 min")
		})
	}
	x.run("send-keys", "Space")
	x.until("the pause", has("paused"))
	shows("Enter", "plant/names", "▾ {")
	shows("Down", "payload")
	for range disputed {
		shows("Left", "⋯ ")
		shows("Right", "▾ {")
		shows("k", "payload")
	}
	shows("k", "plant/gzip", "gzip", `"temp": 21.5`)
	shows("k", "CBOR", "1724442618569203714")
	shows("k", "plant/sensor", "1724442618569203711")
	shows("Down", "payload")
	shows("Down", "payload.serial")
	shows("v", "12 numbers", "1724442618569203700", "⠤")
	shows("v", "payload.serial")
	shows("d", "(+1)")
	shows("d", "payload.serial")
	x.run("send-keys", "f")
	x.until("the filter", has("payload.serial=1724442618569203711"))
	x.run("send-keys", "q")
	x.until("the end", has("left with 0"))
}

// TestFindingInTmux goes to a place, narrows, and steps back, in a narrow pane.
func TestFindingInTmux(t *testing.T) {
	x := newTmux(t, "disputed", 55, 20)
	x.until("the last message", has("the last"))
	x.run("send-keys", ":")
	x.run("send-keys", "-l", "#10")
	x.run("send-keys", "Enter")
	x.until("the place", has("paused"))
	x.run("send-keys", "/")
	x.run("send-keys", "-l", "한국어")
	x.until("the filter applied while it is typed", func(screen []string) bool { return has("shown 12")(screen) && !has("👋🏽")(screen) })
	x.run("send-keys", "Escape")
	x.until("all again, at the place", func(screen []string) bool { return has("paused")(screen) && has("👋🏽")(screen) })
	x.run("send-keys", "Escape")
	x.until("the end again", func(screen []string) bool { return has("following")(screen) && has("the last")(screen) })
}
