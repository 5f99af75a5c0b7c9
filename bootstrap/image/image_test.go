package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func packBytes(t *testing.T, content, arch string) *Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "exe")
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	img, err := New(path, arch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

func TestImageIsTheSameForTheSameBytes(t *testing.T) {
	img := packBytes(t, "an executable", "amd64")
	// These must not change by themselves: the tag is how `up` sees that
	// nothing changed, also after an upgrade of the library that makes it.
	if img.Name() != "hellox.local/hellox:d76e10d00bb0" || img.DiffID != "sha256:abfa56c8039af166440809bd3a45667f82d9283342a0736aaa539e0074d0a807" {
		t.Errorf("image %s, layer %s", img.Name(), img.DiffID)
	}
	for _, compressed := range []bool{false, true} {
		var sums []string
		for range 2 {
			sum := sha256.New()
			if err := packBytes(t, "an executable", "amd64").WriteArchive(t.Context(), sum, compressed); err != nil {
				t.Fatal(err)
			}
			sums = append(sums, fmt.Sprintf("%x", sum.Sum(nil)))
		}
		if sums[0] != sums[1] {
			t.Errorf("compressed %t: two archives of the same executable differ", compressed)
		}
	}
	if other := packBytes(t, "an executable", "arm64"); other.Tag == img.Tag {
		t.Error("the tag is the same for another architecture")
	}
	if other := packBytes(t, "another executable", "amd64"); other.Tag == img.Tag {
		t.Error("the tag is the same for another executable")
	}
}

func TestArchiveHoldsTheExecutableAlone(t *testing.T) {
	// Lengths around the tar block, and one of several parts that are compressed.
	noise := make([]byte, 2*zipPart+1000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for _, length := range []int{0, 1, 511, 512, 513, 1 << 20, zipPart, len(noise)} {
		content := string(noise[:length])
		img := packBytes(t, content, "arm64")
		for _, compressed := range []bool{false, true} {
			got := loaded(t, img, compressed)
			if err := validate.Image(got); err != nil {
				t.Fatalf("%d bytes, compressed %t: %v", length, compressed, err)
			}
			id, err := got.ConfigName()
			if err != nil || id.String() != img.ID {
				t.Errorf("%d bytes, compressed %t: id %v, %v", length, compressed, id, err)
			}
			config, err := got.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if config.Architecture != "arm64" || config.OS != "linux" || config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/hellox" {
				t.Errorf("configuration %+v", config)
			}
			layers, err := got.Layers()
			if err != nil || len(layers) != 1 {
				t.Fatalf("%d layers, %v", len(layers), err)
			}
			r, err := layers[0].Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			files := tar.NewReader(r)
			head, err := files.Next()
			if err != nil {
				t.Fatal(err)
			}
			if head.Name != "hellox" || head.Mode != 0o555 || head.Uid != 0 || !head.ModTime.Equal(time.Unix(0, 0)) {
				t.Errorf("file %+v", head)
			}
			if body, err := io.ReadAll(files); err != nil || string(body) != content {
				t.Errorf("%d bytes, compressed %t: %d bytes came out, %v", length, compressed, len(body), err)
			}
			if _, err := files.Next(); err != io.EOF {
				t.Errorf("after the file: %v", err)
			}
		}
	}
}

// loaded reads the image's archive as a loader does.
func loaded(t *testing.T, img *Image, compressed bool) v1.Image {
	t.Helper()
	var archive bytes.Buffer
	if err := img.WriteArchive(t.Context(), &archive, compressed); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(img.Name())
	if err != nil {
		t.Fatal(err)
	}
	got, err := tarball.Image(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	}, &tag)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What is loaded is what was packed, even if the file was replaced since.
func TestImageOutlivesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exe")
	if err := os.WriteFile(path, []byte("before"), 0o700); err != nil {
		t.Fatal(err)
	}
	img, err := New(path, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if err := os.Remove(path); err != nil {
		t.Skip("this system keeps an open file's name")
	}
	if err := os.WriteFile(path, []byte("after!"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(loaded(t, img, false)); err != nil {
		t.Error(err)
	}
}
