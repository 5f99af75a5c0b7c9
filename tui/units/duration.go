package units

import (
	"fmt"
	"time"

	"hellox/stream"
)

// Clock is the layout of a time of day to the millisecond.
const Clock = "15:04:05.000"

// Delta formats the interval between two messages in at most ten cells:
// 0.310 s, 12 m 03 s, 3 h 12 m, and 0.412 ms where seconds would be nothing.
// stream.None is empty.
func Delta(d time.Duration) string {
	switch {
	case d == stream.None:
		return ""
	case d < 0:
		return "-" + Delta(-d)
	case d > 0 && d < time.Millisecond:
		return fmt.Sprintf("%.3f ms", float64(d)/float64(time.Millisecond))
	case d < 100*time.Second:
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return long(d)
}

// Latency formats how long a message travelled: 1.8 ms, 310 ms, 2.4 s. It is
// negative where the clocks disagree, and stream.None is empty.
func Latency(d time.Duration) string {
	switch {
	case d == stream.None:
		return ""
	case d < 0:
		return "-" + Latency(-d)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return long(d)
}

// Age formats how long ago something was, and how late it is: 3.2 s, 41 s,
// 2 m 05 s.
func Age(d time.Duration) string {
	if d = max(d, 0); d < 10*time.Second {
		return fmt.Sprintf("%d.%d s", d/time.Second, d%time.Second/(100*time.Millisecond))
	}
	return Elapsed(d)
}

// Brief formats an age in at most five cells for less than 1,000 days: of minutes
// and more, only the largest unit.
func Brief(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return Age(d)
	case d < time.Hour:
		return fmt.Sprintf("%d m", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours())/24)
}

// Elapsed formats a time that is counted by the second, up or down: 4 s,
// 2 m 05 s.
func Elapsed(d time.Duration) string {
	if d = max(d, 0); d < 100*time.Second {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return long(d)
}

// long formats a duration of minutes or more in at most nine cells.
func long(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %02d h", int(d.Hours())/24, int(d.Hours())%24)
}
