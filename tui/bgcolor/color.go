package bgcolor

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
)

// The values of HELLOX_BACKGROUND.
const (
	Light = "light"
	Dark  = "dark"
)

// Known reports whether the background is dark as far as that is known without
// asking the terminal: by the setting, Light or Dark, else by COLORFGBG. It is
// dark if neither is there.
func Known(setting string) bool {
	if setting != "" {
		return setting == Dark
	}
	// Asked in a package's initialization, while noquery kept it from the terminal.
	return lipgloss.HasDarkBackground()
}

// bound is how long Ask waits for the terminal.
const bound = 200 * time.Millisecond

// query asks for the colour of the background (OSC 11) and for the device's
// attributes (DA 1). Terminals that do not know the first answer the second.
const query = "\x1b]11;?\x1b\\\x1b[c"

// An Answer is what a terminal wrote back to Ask.
type Answer struct {
	Known bool   // the terminal told its background
	Dark  bool   // the background is dark
	Typed []byte // what was typed meanwhile
}

var (
	colorAnswer  = regexp.MustCompile(`\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})[^\x07\x1b]*(?:\x07|\x1b\\)`)
	otherAnswer  = regexp.MustCompile(`\x1b\]11;[^\x07\x1b]*(?:\x07|\x1b\\)`)
	deviceAnswer = regexp.MustCompile(`\x1b\[\?[0-9;]*c`)
)

// complete reports whether the terminal has answered the last of the questions.
func complete(read []byte) bool { return deviceAnswer.Match(read) }

// parse takes the answers out of what was read from the terminal.
func parse(read []byte) Answer {
	a := Answer{}
	if m := colorAnswer.FindSubmatch(read); m != nil {
		a.Known = true
		a.Dark = lightness(m[1:]) < 0.5
	}
	a.Typed = deviceAnswer.ReplaceAll(otherAnswer.ReplaceAll(read, nil), nil)
	return a
}

// lightness returns the lightness (HSL) of a colour, 0 to 1. Each of its parts
// is hexadecimal, with one to four digits.
func lightness(parts [][]byte) float64 {
	least, most := 1.0, 0.0
	for _, part := range parts {
		n, _ := strconv.ParseUint(string(part), 16, 16)
		v := float64(n) / float64(uint(1)<<(4*len(part))-1)
		least, most = min(least, v), max(most, v)
	}
	return (least + most) / 2
}

// answers reports whether a terminal of the type term can be asked. The Linux
// console shows the question.
func answers(term string) bool {
	return term != "" && term != "dumb" && !strings.HasPrefix(term, "linux")
}

// LateAnswer returns the terminal's input without an answer that comes after
// Ask gave up.
func LateAnswer(in *os.File) io.Reader { return lateAnswer(in) }

// An Input is a terminal's input without the answer to OSC 11.
type Input struct {
	*os.File
	inside  bool // the answer has begun and not ended
	dropped int
}

// maxAnswer is the most that is dropped as one answer, in bytes.
const maxAnswer = 64

// Read reads from the terminal. It may return 0 bytes without an error.
func (in *Input) Read(b []byte) (int, error) {
	n, err := in.File.Read(b)
	return in.filter(b[:max(n, 0)]), err
}

// filter removes the answer from b and returns how many bytes remain.
func (in *Input) filter(b []byte) int {
	begin := 0
	if !in.inside {
		begin = bytes.Index(b, []byte("\x1b]11;"))
		if begin < 0 {
			return len(b)
		}
		in.inside, in.dropped = true, 0
	}
	end := len(b)
	// The end is BEL or ESC \; the answer itself has no backslash.
	if i := bytes.IndexAny(b[begin:], "\a\\"); i >= 0 {
		end, in.inside = begin+i+1, false
	}
	if in.dropped += end - begin; in.dropped > maxAnswer {
		in.inside = false
	}
	return begin + copy(b[begin:], b[end:])
}
