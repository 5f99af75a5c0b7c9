package stream

import (
	"unicode/utf16"
	"unicode/utf8"

	"hellox/stream/safetext"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. Beyond what JSON demands it escapes
// every control, format, private, unassigned and invisible character and the
// two line separators as \uXXXX, so that a terminal executes nothing that came from the network.
// Invalid UTF-8 becomes U+FFFD.
func AppendString[S ~string | ~[]byte](b []byte, s S) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		plain := i
		for i < len(s) && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\' {
			i++
		}
		b = append(b, s[plain:i]...)
		if i == len(s) {
			break
		}
		if c := s[i]; c < utf8.RuneSelf {
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = appendEscape(b, rune(c))
			}
			i++
			continue
		}
		r, n := decodeRune(s, i)
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		case safetext.Visible(r):
			b = append(b, s[i:i+n]...)
		default:
			b = appendEscaped(b, r)
		}
		i += n
	}
	return append(b, '"')
}

// EscapeJSON returns JSON with the characters escaped that AppendString escapes,
// wherever they stand: what curl prints, no terminal obeys.
func EscapeJSON(plain []byte) []byte {
	safe := make([]byte, 0, len(plain))
	for i := 0; i < len(plain); {
		if c := plain[i]; c < utf8.RuneSelf && c != 0x7f {
			safe = append(safe, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(plain[i:])
		if safetext.Visible(r) {
			safe = append(safe, plain[i:i+n]...)
		} else {
			safe = appendEscaped(safe, r)
		}
		i += n
	}
	return safe
}

// appendEscaped appends r as \uXXXX, or as two of them.
func appendEscaped(b []byte, r rune) []byte {
	if r > 0xffff {
		hi, lo := utf16.EncodeRune(r)
		return appendEscape(appendEscape(b, hi), lo)
	}
	return appendEscape(b, r)
}

// decodeRune is utf8.DecodeRune of s[i:], whatever s is, without a copy on the
// heap.
func decodeRune[S ~string | ~[]byte](s S, i int) (rune, int) {
	return utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
}

func appendEscape(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
