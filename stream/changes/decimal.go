package changes

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// maxDigits bounds the numbers whose difference is told.
const maxDigits = 500

var decimalNumber = regexp.MustCompile(`^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$`)

// A decimal is value · 10^exponent.
type decimal struct {
	value    *big.Int
	exponent int
}

func parseDecimal(s string) (d decimal, ok bool) {
	if len(s) > maxDigits {
		return d, false
	}
	m := decimalNumber.FindStringSubmatch(s)
	if m == nil {
		return d, false
	}
	if m[4] != "" {
		e, err := strconv.Atoi(m[4])
		if err != nil {
			return d, false
		}
		d.exponent = e
	}
	d.exponent -= len(m[3])
	if d.exponent > maxDigits || d.exponent < -maxDigits {
		return d, false
	}
	d.value, ok = new(big.Int).SetString(m[1]+m[2]+m[3], 10)
	return d, ok
}

// scaled returns the value of d for a lower exponent.
func (d decimal) scaled(exponent int) *big.Int {
	factor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.exponent-exponent)), nil)
	return factor.Mul(factor, d.value)
}

// difference returns b − a, exactly, without superfluous zeros; false if one is no
// number, or it takes too many digits.
func difference(a, b string) (string, bool) {
	x, isNumber := parseDecimal(a)
	y, both := parseDecimal(b)
	if !isNumber || !both {
		return "", false
	}
	exponent := min(x.exponent, y.exponent)
	d := y.scaled(exponent)
	d.Sub(d, x.scaled(exponent))
	sign := ""
	if d.Sign() < 0 {
		sign = "-"
	}
	digits := d.Abs(d).String()
	if n := 1 - exponent - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	point := len(digits) + min(exponent, 0)
	whole, fraction := digits[:point], strings.TrimRight(digits[point:], "0")
	if d.Sign() != 0 && exponent > 0 {
		whole += strings.Repeat("0", exponent)
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction, true
}

// by says how much a number has changed.
func by(a, b string) string {
	d, ok := difference(a, b)
	switch {
	case !ok:
		return ""
	case d == "0":
		return " (the same number)"
	case d[0] == '-':
		return " (−" + d[1:] + ")"
	}
	return " (+" + d + ")"
}
