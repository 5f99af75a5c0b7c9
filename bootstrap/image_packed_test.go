package bootstrap

import (
	"os"
	"path/filepath"
	"testing"
)

// PackBytes makes the image of an executable that consists of content.
func PackBytes(t *testing.T, content, arch string) *Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "exe")
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	img, err := pack(path, arch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}
