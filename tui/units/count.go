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

// Short formats n in at most five cells: 999, 18.2k, 5.9M.
func Short(n uint64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	f, u := float64(n)/1000, 0
	for f >= 999.5 && u < len(units)-1 {
		f, u = f/1000, u+1
	}
	if f >= 99.95 {
		return strconv.FormatFloat(f, 'f', 0, 64) + units[u:u+1]
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + units[u:u+1]
}
