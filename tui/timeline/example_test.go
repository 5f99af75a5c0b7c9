package timeline_test

import (
	"fmt"
	"time"

	"hellox/tui/timeline"
)

func Example() {
	start := time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
	recent := timeline.New(5*time.Second, 5)
	for i, n := range []int{3, 0, 5, 8, 2} {
		for range n {
			recent.Add(start.Add(time.Duration(i) * time.Second))
		}
	}
	now := start.Add(4 * time.Second)
	fmt.Println(recent.Sum(now, 2*time.Second), string(timeline.Spark(recent.Bars(now, 5))))
	// Output: 10 ▃_▅█▂
}
