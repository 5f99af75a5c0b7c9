package safetext

import (
	"strings"
	"testing"
)

// TestCleanCorpus tries what terminals are known to obey: each sequence with
// each of its three introducers and each way to end it, or none.
func TestCleanCorpus(t *testing.T) {
	introducers := []struct{ seven, eight string }{
		{"[", "\x9b"}, {"]", "\x9d"}, {"P", "\x90"}, {"_", "\x9f"}, {"^", "\x9e"}, {"X", "\x98"},
	}
	bodies := map[string][]string{
		"[": {"31m", "2J", "?1049h", "?1000h", "?2004h", "c", ">c", "6n", "5n", "21t", "8;50;100t", "3J", "?25l", "1;1H", "4h", "!p", "200~"},
		"]": {"0;title", "2;title", "4;1;#ff0000", "8;;http://example.invalid", "10;?", "11;#000000", "52;c;cm0gLXJmIH4K", "52;c;?", "104", "133;A", "777;notify;a;b", "1337;File=name=YQ==:AAAA", "9;text", "7;file:///etc"},
		"P": {"$qm", "+q544e", "q#0;2;0;0;0", "1000p"},
		"_": {"Ga=T;AAAA", "x"},
		"^": {"x"},
		"X": {"x"},
	}
	ends := []string{"", "\a", "\x1b\\", "\x9c", "\u009c", "\x18", "\n"}
	tried := 0
	try := func(s string) {
		tried++
		checkClean(t, s)
		checkClean(t, "before "+s+" after")
		// Split across two messages, neither half is obeyed.
		checkClean(t, s[:len(s)/2])
		checkClean(t, s[len(s)/2:])
	}
	for _, in := range introducers {
		for _, body := range bodies[in.seven] {
			for _, end := range ends {
				try("\x1b" + in.seven + body + end)
				try(in.eight + body + end)
				try(string(rune(in.eight[0])) + body + end)
			}
		}
	}
	for _, s := range []string{
		"\x1bc", "\x1b7", "\x1b8", "\x1b=", "\x1b>", "\x1b(0", "\x1b#8", "\x1bZ", "\x1bN", "\x1bO", "\x1b%G", "\x1b[", "\x1b", "\x0e", "\x0f", "\x05",
		"\r", "\b\b\b", "\v", "\f", "\x7f", "a\x00b", "\x1b[38;2;0;0;0mhidden", "\x1b[8mhidden", "\x1b[1A\x1b[2K",
		"\u202atext\u202c", "\u202btext", "\u202dtext", "\u202etxt.exe", "\u2066a\u2067b\u2068c\u2069", "\u200e\u200f\u061c",
		"zero\u200bwidth\u200c\u200d\u2060\ufeff", "\u00adsoft", "\u180e", "\u2028\u2029\u0085", "\ufff9a\ufffab\ufffb", "\U000e0001\U000e0041\U000e007f", "\ufe00\ufe01\ufe0f", "\U000e0100\U000e01ef",
		"Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319A", strings.Repeat("\u0300", 5000), strings.Repeat("a\u0300\u0301\u0302\u0303\u0304\u0305", 100), "\u20dd\u20dd\u20dd\u20dd\u20dd",
		"\xc0\x9b31m", "\xe0\x80\x9b31m", "\xf0\x80\x80\x9b", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff\xfe", "\xc2",
		strings.Repeat("x", 1<<20), strings.Repeat("\x1b]52;c;", 1<<14),
	} {
		try(s)
	}
	if tried < 200 {
		t.Errorf("%d sequences were tried", tried)
	}
}
