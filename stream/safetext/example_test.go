package safetext_test

import (
	"fmt"

	"hellox/stream/safetext"
)

func ExampleClean() {
	fmt.Println(safetext.Clean("\x1b[31mred\x1b[0m"))
	fmt.Println(safetext.Clean("abc\u202ecba"))
	fmt.Println(safetext.Clean([]byte("one\ntwo\xff")))
	// Output:
	// ␛[31mred␛[0m
	// abc‹U+202E›cba
	// one⏎two�
}
