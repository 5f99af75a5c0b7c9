package stream

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// day is what d stands for in a duration: 24 hours, whatever the clocks do.
const day = 24 * time.Hour

var errDuration = errors.New("no duration")

// ParseDuration parses a duration as time.ParseDuration does, also with whole
// days in front: 1d, 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	digits, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	days := time.Duration(n) * day
	if err != nil || n > uint64(math.MaxInt64/day) {
		return 0, errDuration
	}
	if rest == "" {
		return days, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || rest[0] == '-' || rest[0] == '+' || d > math.MaxInt64-days {
		return 0, errDuration
	}
	return days + d, nil
}

// ParseMoment parses a time: a duration before now, a date, which is its midnight
// in the zone of now, or RFC 3339.
func ParseMoment(s string, now time.Time) (time.Time, error) {
	if d, err := ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}
