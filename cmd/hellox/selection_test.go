package main

import (
	"fmt"
	"testing"

	"hellox/cmd/hellox/state"
)

// TestFew names the first of many installations, and how many there are besides.
func TestFew(t *testing.T) {
	var all []state.Instance
	for n := range 5 {
		all = append(all, state.Instance{Installation: state.Installation{Target: targetLocal, Namespace: fmt.Sprintf("n%d", n)}})
	}
	for n, want := range map[int]string{1: "local · n0", 3: "local · n0; local · n1; local · n2", 5: "local · n0; local · n1; local · n2; and 2 more, which hellox status lists"} {
		if got := few(all[:n]); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
