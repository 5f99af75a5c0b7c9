package cells_test

import (
	"fmt"

	"hellox/tui/cells"
)

func Example() {
	for _, name := range []string{"press-1", "日本語", "a-very-long-name"} {
		fmt.Printf("|%s|%s|\n", cells.Left(name, 10), cells.Right(name, 10))
	}
	// Output:
	// |press-1   |   press-1|
	// |日本語    |    日本語|
	// |a-very-lo…|a-very-lo…|
}

func ExampleClean() {
	fmt.Println(cells.Clean("31\x1b[2J °C", 20))
	// Output: 31␛[2J °C
}

func ExampleName() {
	fmt.Println(cells.Name("plant/line-1/temperature", 12))
	fmt.Println(cells.Name("broadcast-0", 10))
	// Output:
	// …temperature
	// …oadcast-0
}
