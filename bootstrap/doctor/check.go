package doctor

import (
	"errors"

	"hellox/bootstrap/step"
)

// A Verdict is what a Check comes to.
type Verdict string

// The verdicts, from good to bad.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // up works, and differs from what one may expect
	Fail Verdict = "fail" // up, or the part of it that is named, does not work
)

// A Check is one thing that up needs, and how it is.
type Check struct {
	Name    string  `json:"check"` // "kind", "port 8420", "state folder"
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`         // one sentence
	Cure    string  `json:"cure,omitempty"` // the command to type, if it is not ok
}

// Worst returns the worst verdict of checks, OK if there are none.
func Worst(checks []Check) Verdict {
	worst := OK
	for _, c := range checks {
		if c.Verdict == Fail || c.Verdict == Warn && worst == OK {
			worst = c.Verdict
		}
	}
	return worst
}

// ok, warn and fail make a Check.
func ok(name, detail string) Check         { return Check{Name: name, Verdict: OK, Detail: detail} }
func warn(name, detail, cure string) Check { return Check{name, Warn, detail, cure} }
func fail(name, detail, cure string) Check { return Check{name, Fail, detail, cure} }

// failure is the Check of an error: its hint is the cure, or else instead.
func failure(name string, err error, instead string) Check {
	if e := new(step.Error); errors.As(err, &e) && e.Hint != "" {
		instead = e.Hint
	}
	return fail(name, err.Error(), instead)
}
