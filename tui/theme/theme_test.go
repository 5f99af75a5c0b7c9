package theme

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

var (
	sets       = regexp.MustCompile("\x1b\\[([0-9;]*)m")
	foreground = regexp.MustCompile(`(^|;)(3[0-7]|9[0-7]|38;[25];[0-9;]+)`)
	background = regexp.MustCompile(`(^|;)(4[0-7]|10[0-7]|48;[25];[0-9;]+)`)
)

func on(profile termenv.Profile, dark bool) *Theme {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(profile)
	r.SetHasDarkBackground(dark)
	return New(r)
}

// selected returns a selected row in all of its styles.
func selected(t *Theme) string {
	p := t.Row(true)
	row := ""
	for _, s := range []Style{p.Ink, p.Bold, p.Grey, p.Hair, p.Accent, p.Green, p.Amber, p.Red} {
		row += s.Apply("text")
	}
	return p.Fill(row+t.Bar("press-1", "", true), 60)
}

// A background without a foreground may be the colour of the terminal's text.
func TestTheSelectionCanBeReadOnAnyBackground(t *testing.T) {
	for _, dark := range []bool{true, false} {
		for _, profile := range []termenv.Profile{termenv.TrueColor, termenv.ANSI256} {
			for _, set := range sets.FindAllStringSubmatch(selected(on(profile, dark)), -1) {
				if codes := set[1]; background.MatchString(codes) != foreground.MatchString(codes) {
					t.Errorf("%s, dark %v: the selection is set in %q, want both colours", profile.Name(), dark, codes)
				}
			}
		}
		for _, profile := range []termenv.Profile{termenv.ANSI, termenv.Ascii} {
			row := selected(on(profile, dark))
			if inner := strings.TrimSuffix(strings.TrimPrefix(row, Reverse.On), Reverse.Off); len(inner) != len(row)-9 || sets.MatchString(inner) {
				t.Errorf("%s, dark %v: the selection is %q, want it reversed as a whole", profile.Name(), dark, row)
			}
		}
	}
}

// The nearest of 16 colours to grey is bright blue, that of 256 is lilac.
func TestGreyIsGrey(t *testing.T) {
	for _, c := range []struct {
		profile termenv.Profile
		dark    bool
		want    string
	}{
		{termenv.ANSI, true, "\x1b[90m"}, {termenv.ANSI, false, "\x1b[90m"},
		{termenv.ANSI256, true, "\x1b[38;5;245m"}, {termenv.ANSI256, false, "\x1b[38;5;242m"},
	} {
		if got := on(c.profile, c.dark).Grey.On; got != c.want {
			t.Errorf("%s, dark %v: grey is %q, want %q", c.profile.Name(), c.dark, got, c.want)
		}
	}
}

// Bold is no colour: it tells keys from their words without colours.
func TestKeysAreBoldWithoutColours(t *testing.T) {
	if got := on(termenv.Ascii, true).Help.ShortKey.Render("q"); got != "\x1b[1mq\x1b[22m" {
		t.Errorf("a key is %q", got)
	}
}
