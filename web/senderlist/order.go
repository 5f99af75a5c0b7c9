package senderlist

import (
	"cmp"
	"slices"
	"strings"

	"hellox/stream"
)

// Matching returns the senders whose name holds a text, case aside.
func Matching(senders []stream.Sender, search string) []stream.Sender {
	if search = strings.ToLower(search); search == "" {
		return senders
	}
	return slices.DeleteFunc(senders, func(s stream.Sender) bool { return !strings.Contains(strings.ToLower(s.Sender), search) })
}

// HasCadence reports whether s is more than one message, or a retained one: when its
// next message is due is known, or it told how it is.
func HasCadence(s *stream.Sender) bool { return s.State != stream.Unknown || s.ExpectedMS > 0 }

// Orders are the orders of senders that are by name; nil leaves them so. In
// each other one those without a cadence are last.
var Orders = map[string]func(a, b stream.Sender) int{
	"":        nil,
	"name":    apart(func(stream.Sender, stream.Sender) int { return 0 }),
	"trouble": apart(func(a, b stream.Sender) int { return cmp.Compare(a.Trouble(), b.Trouble()) }),
	"rate":    apart(func(a, b stream.Sender) int { return cmp.Compare(b.Rates.Minute, a.Rates.Minute) }),
	"missed":  apart(func(a, b stream.Sender) int { return cmp.Compare(b.Missed, a.Missed) }),
	"latency": apart(func(a, b stream.Sender) int { return cmp.Compare(p99(b), p99(a)) }),
}

// apart returns an order by compare, then by name, with those last that have no cadence.
func apart(compare func(a, b stream.Sender) int) func(a, b stream.Sender) int {
	return func(a, b stream.Sender) int {
		if x, y := HasCadence(&a), HasCadence(&b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(compare(a, b), compareNatural(a.Sender, b.Sender))
	}
}

func p99(s stream.Sender) float64 {
	if s.LatencyMS == nil {
		return -1
	}
	return s.LatencyMS.P99
}

// compareNatural compares names with their numbers as numbers: press-2 is before
// press-10.
func compareNatural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
			return c
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits returns how many digits s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
