package rig

import "slices"

// Median returns the middle of values, in any order and at least one; of an even number
// the mean of the two in the middle.
func Median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
