package filter

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"hellox/stream"
)

// parseValue reads what values of a key are compared with: nanoseconds, bytes
// or the number itself. expected describes what it accepts.
func parseValue(key Key, text string) (value int64, expected string, ok bool) {
	switch key {
	case KeyDelta, KeyLatency, KeyAge:
		value, ok = parseSpan(text)
		expected = "a duration with its unit, such as 250ms, 10s, 5m, 2h or 1d"
		if !ok && span.MatchString(text) {
			expected = "a shorter duration, of at most 106751d" // 292 years are 2^63 ns
		}
	case KeySize:
		value, ok = parseSize(text)
		expected = "a size in bytes, such as 512, 1KiB or 2MB"
	case KeySeq:
		value, ok = parseWhole(text, math.MaxInt64)
		expected = "a whole number of at most 9223372036854775807"
	case KeyQoS:
		value, ok = parseWhole(text, 2)
		expected = "0, 1 or 2"
	}
	return value, expected, ok
}

// span matches what is a duration, whatever its length.
var span = regexp.MustCompile(`^(\d+d)?(\d+(\.\d*)?(ns|us|µs|μs|ms|s|m|h))+$|^\d+d$`)

func parseSpan(s string) (int64, bool) {
	d, err := stream.ParseDuration(s)
	return int64(d), err == nil
}

func parseSize(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' || strings.Contains(s, ",") {
		return 0, false
	}
	n, err := humanize.ParseBytes(s)
	return int64(n), err == nil && n <= math.MaxInt64
}

func parseWhole(s string, most int64) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= most && s[0] != '+' && s[0] != '-'
}
