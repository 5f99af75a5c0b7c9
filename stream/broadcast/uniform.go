package broadcast

import (
	"math/rand/v2"
	"time"
)

// Uniform draws a time from least to most, each as likely as any other.
func Uniform(least, most time.Duration) time.Duration {
	return least + rand.N(most-least+1)
}
