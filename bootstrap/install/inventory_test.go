package install

import (
	"slices"
	"testing"
)

// Images are counted by repository: what was built for the user must not take the
// place of the image that hellox runs.
func TestNewestImages(t *testing.T) {
	images := []string{
		"hellox.local/hellox:1", "hellox.local/built/press:1", "hellox.local/hellox:2", "hellox.local/hellox:3",
		"hellox.local/built/press:2", "hellox.local/built/r.example-5000/stamp:1",
	}
	for n, want := range map[int][]string{
		0: nil,
		1: {"hellox.local/hellox:3", "hellox.local/built/press:2", "hellox.local/built/r.example-5000/stamp:1"},
		2: {"hellox.local/built/press:1", "hellox.local/hellox:2", "hellox.local/hellox:3", "hellox.local/built/press:2", "hellox.local/built/r.example-5000/stamp:1"},
		3: images,
	} {
		kept, old := newest(images, n)
		if !slices.Equal(kept, want) || len(kept)+len(old) != len(images) {
			t.Errorf("the newest %d: %v, and %v", n, kept, old)
		}
	}
}
