package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const (
	// Repository is the image's name. It is fully qualified because the
	// runtimes put three different registries before a name that is not.
	Repository = "hellox.local/hellox"

	// user is the user and group of the image's process: not root, and a
	// number, which runAsNonRoot can check.
	user = "65532:65532"

	// tagDigits of an image's digest are its tag. 48 bits: a node that
	// holds a million of these images has two of one tag with a chance
	// of 1 in 500.
	tagDigits = 12
)

// An Image is one executable on an empty base: one layer with one file,
// /hellox. The same executable always gives the same image, byte for byte.
type Image struct {
	Tag    string // the first digits of ID
	Arch   string // as GOARCH has it; the system is linux
	Size   int64  // bytes, not compressed
	ID     string // the digest of the image's configuration, "sha256:…"
	DiffID string // the digest of its one layer, not compressed
	Built  bool   // the executable was built for the nodes, from source, just now

	image v1.Image
	file  *os.File
	zip   func() (*zippedLayer, error) // compresses at the first call
}

// An Identity tells an image from others of the same name.
type Identity struct {
	Name    string   // in full, tag included
	ID      string   // the digest of its configuration, "sha256:…"
	DiffIDs []string // the digests of its layers, not compressed
}

// Identity returns what tells the image from others.
func (img *Image) Identity() Identity {
	return Identity{img.Name(), img.ID, []string{img.DiffID}}
}

// Is reports whether i is the image that a runtime describes so. Docker with
// containerd's image store gives the digest of a manifest of its own making as the
// ID; the layers' digests are the same everywhere.
func (i Identity) Is(id string, diffIDs []string) bool {
	return id == i.ID || len(diffIDs) > 0 && slices.Equal(diffIDs, i.DiffIDs)
}

// Name returns the image's full name, tag included.
func (img *Image) Name() string { return Repository + ":" + img.Tag }

// TagOf returns the tag of an image by its ID.
func TagOf(id string) string {
	digits := strings.TrimPrefix(id, "sha256:")
	return digits[:min(tagDigits, len(digits))]
}

// Close closes the executable.
func (img *Image) Close() error { return img.file.Close() }

// Compress compresses the layer, which WriteArchive does otherwise, so that it is done
// while something else is waited for.
func (img *Image) Compress() error {
	_, err := img.zip()
	return err
}

// WriteArchive writes the image in the form of `docker save`, which docker,
// containerd and podman all load. Compressed, its layer is (gzip, at its
// fastest; the archive as a whole is not: containerd before 1.7 would not
// take it), and the archive a third as long.
func (img *Image) WriteArchive(_ context.Context, w io.Writer, compressed bool) error {
	tag, err := name.NewTag(img.Name())
	if err != nil {
		return err
	}
	from := img.image
	if compressed {
		z, err := img.zip()
		if err != nil {
			return err
		}
		if from, err = imageOf(z, img.Arch); err != nil {
			return err
		}
	}
	return tarball.Write(tag, from, w)
}

// New makes the image of the executable at path, which must have been
// found fit for linux and arch. The file stays open until Close, so that
// what is loaded later is what was hashed now.
func New(path, arch string) (*Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	img, err := packFile(file, arch)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("pack %s: %w", path, err)
	}
	return img, nil
}

func packFile(file *os.File, arch string) (*Image, error) {
	layer, err := newLayer(file)
	if err != nil {
		return nil, err
	}
	image, err := imageOf(layer, arch)
	if err != nil {
		return nil, err
	}
	id, err := image.ConfigName()
	if err != nil {
		return nil, err
	}
	return &Image{
		Tag: TagOf(id.String()), Arch: arch, Size: layer.size,
		ID: id.String(), DiffID: layer.digest.String(),
		image: image, file: file,
		zip: sync.OnceValues(func() (*zippedLayer, error) { return zip(layer) }),
	}, nil
}

// imageOf returns the image of that one layer. Its configuration, and so its
// id, is the same whether the layer is compressed or not.
func imageOf(layer v1.Layer, arch string) (v1.Image, error) {
	image, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:   layer,
		History: v1.History{CreatedBy: "hellox"},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Config = v1.Config{Entrypoint: []string{"/hellox"}, User: user, WorkingDir: "/"}
	return mutate.ConfigFile(image, config)
}
