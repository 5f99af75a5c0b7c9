package filter

import (
	"cmp"
	"strconv"
	"strings"
)

// A number is a decimal number, held exactly: as the digits and the exponent
// that it was written with. It refers to the text it was parsed from.
type number struct {
	sign   int    // -1, 0 or 1
	digits string // significant digits, without zeros at either end; may contain one point
	place  int64  // exponent of the first of digits, before expDigits is added
	exp    int64  // exponent of the first of digits, if expDigits is not long
	padded bool   // the integer part has superfluous zeros in front, as in 0815

	expDigits   string // the written exponent, without its sign and leading zeros
	expNegative bool
}

// expWord is how many digits of a written exponent fit an int64 with room for
// a few sums.
const expWord = 18

// long reports whether the written exponent has too many digits for exp.
func (n *number) long() bool { return len(n.expDigits) > expWord }

// parseNumber parses a JSON number; also one with a + in front, with zeros in
// front, or with no digit on one side of the point. It takes time linear in the
// length of s, whatever the exponent.
func parseNumber(s string) (n number, ok bool) {
	n.sign = 1
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			n.sign = -1
		}
		s = s[1:]
	}
	whole := countDigits(s)
	end, digits := whole, whole
	if end < len(s) && s[end] == '.' {
		fraction := countDigits(s[end+1:])
		end += 1 + fraction
		digits += fraction
	}
	if digits == 0 || !n.parseExponent(s[end:]) {
		return number{}, false
	}
	n.padded = whole > 1 && s[0] == '0'
	first := 0
	for first < end && (s[first] == '0' || s[first] == '.') {
		first++
	}
	if first == end {
		return number{padded: n.padded}, true
	}
	for s[end-1] == '0' || s[end-1] == '.' {
		end--
	}
	n.digits = s[first:end]
	n.place = int64(whole - first)
	if first < whole {
		n.place--
	}
	if n.long() {
		return n, true
	}
	if n.expDigits != "" {
		n.exp, _ = strconv.ParseInt(n.expDigits, 10, 64) // at most expWord digits
	}
	if n.expNegative {
		n.exp = -n.exp
	}
	n.exp += n.place
	return n, true
}

// parseExponent parses s, which follows the digits: an exponent or nothing.
func (n *number) parseExponent(s string) bool {
	if s == "" {
		return true
	}
	if s[0]|0x20 != 'e' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '-' || s[0] == '+') {
		n.expNegative = s[0] == '-'
		s = s[1:]
	}
	n.expDigits = strings.TrimLeft(s, "0")
	return s != "" && countDigits(s) == len(s)
}

// countDigits returns how many digits s begins with.
func countDigits(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return i
		}
	}
	return len(s)
}

// compare returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n *number) compare(m *number) int {
	if n.sign != m.sign || n.sign == 0 {
		return cmp.Compare(n.sign, m.sign)
	}
	c := n.compareExponent(m)
	if c == 0 {
		c = compareDigits(n.digits, m.digits)
	}
	return c * n.sign
}

// compareExponent compares the exponents of the first digits.
func (n *number) compareExponent(m *number) int {
	if !n.long() && !m.long() {
		return cmp.Compare(n.exp, m.exp)
	}
	// A long exponent outweighs any place, which is bounded by the memory.
	if n.expNegative != m.expNegative {
		if n.expNegative {
			return -1
		}
		return 1
	}
	highN, lowN := splitExponent(n.expDigits)
	highM, lowM := splitExponent(m.expDigits)
	difference := subtractDigits(highN, highM)*1e18 + lowN - lowM
	if n.expNegative {
		difference = -difference
	}
	return cmp.Compare(difference+n.place-m.place, 0)
}

// splitExponent splits digits into its last expWord digits and those before.
func splitExponent(digits string) (high string, low int64) {
	at := max(len(digits)-expWord, 0)
	if digits != "" { // an error would be allocated
		low, _ = strconv.ParseInt(digits[at:], 10, 64)
	}
	return digits[:at], low
}

// subtractDigits returns a - b of two natural numbers, or 2 or -2 if the
// difference is beyond that.
func subtractDigits(a, b string) int64 {
	digit := func(s string, fromEnd int) int64 {
		if fromEnd > len(s) {
			return 0
		}
		return int64(s[len(s)-fromEnd] - '0')
	}
	var d int64
	for i := max(len(a), len(b)); i > 0; i-- {
		d = d*10 + digit(a, i) - digit(b, i)
		if d >= 2 || d <= -2 { // the digits to come cannot bring it back
			return max(-2, min(d, 2))
		}
	}
	return d
}

// compareDigits compares the digits of two numbers whose first ones stand at
// the same place.
func compareDigits(a, b string) int {
	if len(a) == len(b) && a == b {
		return 0
	}
	for a != "" && b != "" {
		switch {
		case a[0] == '.':
			a = a[1:]
		case b[0] == '.':
			b = b[1:]
		case a[0] != b[0]:
			return cmp.Compare(a[0], b[0])
		default:
			a, b = a[1:], b[1:]
		}
	}
	return cmp.Compare(len(a), len(b)) // neither ends in a zero
}
