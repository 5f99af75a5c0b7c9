package bootstraptest

import (
	"os"
	"path/filepath"
	"testing"

	"hellox/bootstrap/image"
)

// PackBytes makes the image of an executable that consists of content.
func PackBytes(t *testing.T, content, arch string) *image.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "exe")
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	img, err := image.New(path, arch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}
