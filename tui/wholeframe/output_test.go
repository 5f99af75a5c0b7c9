package wholeframe

import (
	"bytes"
	"io"
	"os"
	"testing"
)

func TestOutput(t *testing.T) {
	var out bytes.Buffer
	w := Output(&out)
	for _, s := range []string{"\x1b[?1049h", "\x1b[H", "\x1b[Ha frame", "\x1b[?1049l", "\x1b[?1049h", "x\x1b[?1049l"} {
		if n, err := io.WriteString(w, s); n != len(s) || err != nil {
			t.Errorf("writing %q returned %d and %v", s, n, err)
		}
	}
	const want = "\x1b[?1049h\x1b[?7l\x1b[H\x1b[?2026h\x1b[Ha frame\x1b[?2026l\x1b[?7h\x1b[?1049l\x1b[?1049h\x1b[?7lx\x1b[?7h\x1b[?1049l"
	if out.String() != want {
		t.Errorf("written is %q, want %q", &out, want)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	if f, ok := Output(write).(interface{ Fd() uintptr }); !ok || f.Fd() != write.Fd() {
		t.Error("what is written to a file has no descriptor")
	}
}

func TestLine(t *testing.T) {
	for text, disputed := range map[string]bool{
		"hellox ●": false, "日本 °C": false, "𠀀": false,
		"नमस्ते": true, "👋🏽": true, "🇩🇪": true, "✈️": true, "e\u0301": true, "👩‍👩‍👧": true,
	} {
		if got := Line(text) != text; got != disputed {
			t.Errorf("%q is cleared first: %v, want %v", text, got, disputed)
		}
	}
	// What follows a disputed text stands in the column where it is laid out.
	for text, want := range map[string]string{
		"at 👋🏽 👋🏽  1 s":           "\x1b[Kat 👋🏽 👋🏽\x1b[9G  1 s",
		"\x1b[1mहि\x1b[0m │ 日本 👋": "\x1b[K\x1b[1mहि\x1b[0m\x1b[2G │ 日本 👋",
		"👋  ":                     "\x1b[K👋\x1b[3G  ",
	} {
		if got := Line(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
