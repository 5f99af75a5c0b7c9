package output

import "time"

// SetClock replaces the clock.
func (s *Steps) SetClock(now func() time.Time) { s.now = now }
