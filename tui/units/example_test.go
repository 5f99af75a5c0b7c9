package units_test

import (
	"fmt"
	"time"

	"hellox/tui/units"
)

func Example() {
	fmt.Println(units.Count(18204), units.Plural(2, "sender"), units.Bytes(1229))
	fmt.Println(units.Delta(4112*time.Millisecond), units.Latency(1800*time.Microsecond), units.Age(41*time.Second))
	// Output:
	// 18 204 2 senders 1.2 KiB
	// 4.112 s 1.8 ms 41 s
}
