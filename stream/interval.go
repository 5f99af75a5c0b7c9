package stream

import (
	"fmt"
	"time"
)

// CheckInterval returns why shortest and longest cannot bound the time between
// two messages, in one sentence, or nil.
func CheckInterval(shortest, longest time.Duration) error {
	switch {
	case shortest <= 0:
		return fmt.Errorf("the shortest interval is %s; it must be more than 0", shortest)
	case longest < shortest:
		return fmt.Errorf("the longest interval, %s, is shorter than the shortest, %s", longest, shortest)
	case longest > maxNext:
		return fmt.Errorf("the longest interval is %s; at most %s is possible", longest, maxNext)
	}
	return nil
}

// duration is one that JSON writes as Go and a person do.
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(b []byte) error {
	t, err := time.ParseDuration(string(b))
	*d = duration(t)
	return err
}
