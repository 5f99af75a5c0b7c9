package units

import "fmt"

// Rate formats messages a second, or a minute where they are fewer than one a
// second.
func Rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0/min"
	case perSecond < 1:
		return fmt.Sprintf("%.1f/min", perSecond*60)
	case perSecond < 10:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return Count(uint64(perSecond+0.5)) + "/s"
}

// RateIn formats messages a minute, or a second, in tabular form: a rate that goes
// up and down about one a second keeps its unit.
func RateIn(perSecond float64, minute bool) string {
	switch {
	case minute && perSecond*60 < 99.95:
		return fmt.Sprintf("%.1f/min", perSecond*60)
	case minute:
		return Count(uint64(perSecond*60+0.5)) + "/min"
	case perSecond < 10:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return Rate(perSecond)
}
