package tui

import (
	"fmt"
	"strconv"
	"time"

	"hellox/stream"
)

// count writes n with its thousands apart: 18 204.
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// plural writes a number with its noun: 1 sender, 2 senders.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// delta writes an interval between messages in at most ten cells: 0.310 s,
// 12 m 03 s, 3 h 12 m. None is empty.
func delta(d time.Duration) string {
	switch {
	case d == stream.None:
		return ""
	case d < 0:
		return "-" + delta(-d)
	case d < 100*time.Second:
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return long(d)
}

// latency writes how long a message travelled, with three digits that count:
// 1.8 ms, 310 ms, 2.4 s. It is negative where the clocks disagree.
func latency(d time.Duration) string {
	switch {
	case d == stream.None:
		return ""
	case d < 0:
		return "-" + latency(-d)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return long(d)
}

// age writes how long ago something was, to the second: 4 s, 2 m 05 s.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 100*time.Second:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return long(d)
}

// long writes what is longer than a minute or two, in at most nine cells.
func long(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %02d h", int(d.Hours())/24, int(d.Hours())%24)
}

// millis writes a number of milliseconds as the API tells it as a delta.
func millis(ms float64) string {
	return delta(time.Duration(ms * float64(time.Millisecond)))
}

// rate writes messages a second, or a minute where that is less than one.
func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0/min"
	case perSecond < 1:
		return fmt.Sprintf("%.1f/min", perSecond*60)
	case perSecond < 10:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return count(uint64(perSecond+0.5)) + "/s"
}

// size writes a number of bytes: 57 B, 1.2 KiB.
func size(n int64) string {
	const units = "KMGT"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, u := float64(n)/1024, 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[u])
}

// clock writes the time of day to the millisecond.
const clock = "15:04:05.000"
