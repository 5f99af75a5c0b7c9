package units

import "strconv"

// Count groups the digits of n by thousands: 18 204.
func Count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// Plural returns n with its noun: 1 sender, 2 senders.
func Plural[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(uint64(n)) + " " + noun + "s"
}
