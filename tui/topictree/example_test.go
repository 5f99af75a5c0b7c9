package topictree_test

import (
	"fmt"
	"strings"

	"hellox/stream"
	"hellox/tui/topictree"
)

func Example() {
	tree := topictree.New()
	for _, topic := range []string{"plant/line-1/temp", "plant/line-1/temp", "plant/line-2/temp"} {
		tree.Add(&stream.Message{Topic: topic}, true)
	}
	var print func(t *topictree.Topic, depth int)
	print = func(t *topictree.Topic, depth int) {
		t.Sort(nil)
		for _, c := range t.Children {
			fmt.Printf("%s%s %d\n", strings.Repeat("  ", depth), c.Level, c.Count)
			print(c, depth+1)
		}
	}
	print(tree.Root, 0)
	// Output:
	// plant 3
	//   line-1 2
	//     temp 2
	//   line-2 1
	//     temp 1
}
