package filter

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Numbers compare as math/big has it.
func TestNumberReference(t *testing.T) {
	digits := rapid.StringOfN(rapid.RuneFrom([]rune("0019")), 0, 4, -1)
	source := rapid.Custom(func(t *rapid.T) string {
		s := rapid.SampledFrom([]string{"", "-", "+"}).Draw(t, "sign") + digits.Draw(t, "whole")
		if rapid.Bool().Draw(t, "point") {
			s += "." + digits.Draw(t, "fraction")
		}
		if rapid.Bool().Draw(t, "exp") {
			s += rapid.SampledFrom([]string{"e", "E-", "e+"}).Draw(t, "e") + digits.Draw(t, "exponent")
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := source.Draw(t, "a"), source.Draw(t, "b")
		n, ok := parseNumber(a)
		m, ok2 := parseNumber(b)
		x, xOK := new(big.Rat).SetString(a)
		y, yOK := new(big.Rat).SetString(b)
		if ok != xOK || ok2 != yOK {
			t.Fatalf("%q is a number: %t, %q: %t", a, ok, b, ok2)
		}
		if ok && ok2 && n.compare(&m) != x.Cmp(y) {
			t.Fatalf("%s to %s: %d", a, b, n.compare(&m))
		}
	})
}

// Exponents of any length compare exactly: of 10^place · d each, by math/big.
func TestNumberLongExponent(t *testing.T) {
	exponents := rapid.SampledFrom([]string{
		"0", "5", "999999999999999998", "999999999999999999", "1000000000000000000", "1000000000000000001", "9223372036854775807", "9223372036854775808",
		"1999999999999999999", "2000000000000000000", "2000000000000000001", "99999999999999999999999999", "100000000000000000000000000", "100000000000000000000000001",
	})
	type shape struct {
		digits string
		place  int64
	}
	shapes := rapid.SampledFrom([]shape{{"1", 0}, {"0.01", -2}, {"100", 2}, {"0.1", -1}, {"10.0", 1}})
	rapid.Check(t, func(t *rapid.T) {
		draw := func() (string, *big.Int) {
			s, e := shapes.Draw(t, "shape"), exponents.Draw(t, "exponent")
			if rapid.Bool().Draw(t, "negative") {
				e = "-" + e
			}
			at, _ := new(big.Int).SetString(e, 10)
			return s.digits + "e" + e, at.Add(at, big.NewInt(s.place))
		}
		a, x := draw()
		b, y := draw()
		n, ok := parseNumber(a)
		m, ok2 := parseNumber(b)
		if !ok || !ok2 || n.compare(&m) != x.Cmp(y) {
			t.Fatalf("%s to %s: %d, want %d", a, b, n.compare(&m), x.Cmp(y))
		}
	})
}

// A number costs its length, whatever its exponent.
func TestNumberCost(t *testing.T) {
	f := mustParse(t, `payload.x>1e999999998`)
	payloads := []string{`{"x":1e999999999}`, `{"x":0.` + strings.Repeat("0", 1000) + `1e1000001000}`, `{"x":1e` + strings.Repeat("9", 1000) + `}`}
	for _, payload := range payloads {
		m := foreignMessage(payload)
		for range 1000 { // by its value, one of them would not end
			if !f.Match(m) {
				t.Fatalf("%.40s is not greater", payload)
			}
		}
	}
}
