package rig

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// Main runs a benchmark, until Ctrl-C or SIGTERM at most, and ends the process with 1 if
// it fails.
func Main(run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// Sizes returns what reads a flag of numbers from 1 to 10,000, such as 1,100, into sizes.
func Sizes(sizes *[]int) func(string) error {
	return func(list string) error {
		*sizes = nil
		for word := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(word)
			if err != nil || n < 1 || n > 10_000 {
				return fmt.Errorf("%q is not a number from 1 to 10000", word)
			}
			*sizes = append(*sizes, n)
		}
		return nil
	}
}
