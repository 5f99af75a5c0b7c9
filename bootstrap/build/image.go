package build

import (
	"context"
	"fmt"
	"io"

	"hellox/bootstrap/image"
	"hellox/bootstrap/step"
)

// An Image is one that was built.
type Image struct {
	Folder    Folder
	Arch      string // as GOARCH has it
	Size      int64  // bytes, not compressed
	Unchanged bool   // the same as last time

	id      string
	layers  []string
	archive func(ctx context.Context, w io.Writer) error // nil: it is on its node
}

// A Builder builds images.
type Builder interface {
	// Build builds the image of the folder. It calls progress with the step under
	// way. The error of a build that failed is a *step.Error with the step, the
	// Dockerfile's line, and what the step printed last.
	Build(ctx context.Context, f Folder, progress func(string)) (*Image, error)
}

// Name returns the image's full name, with its tag.
func (i *Image) Name() string { return i.Folder.Repository() + ":" + i.tag() }

func (i *Image) tag() string { return image.TagOf(i.id) }

// InPlace reports whether it was built where the pods run.
func (i *Image) InPlace() bool { return i.archive == nil }

// Identity implements cluster.Loadable.
func (i *Image) Identity() image.Identity {
	return image.Identity{Name: i.Name(), ID: i.id, DiffIDs: i.layers}
}

// WriteArchive implements cluster.Loadable.
func (i *Image) WriteArchive(ctx context.Context, w io.Writer, _ bool) error {
	return i.archive(ctx, w)
}

// inspected is what docker, podman and nerdctl say of an image.
type inspected struct {
	ID           string `json:"Id"`
	Architecture string
	Size         int64
	RootFS       struct{ Layers []string }
}

func (in inspected) image(f Folder, id string) *Image {
	return &Image{Folder: f, Arch: in.Architecture, Size: in.Size, id: id, layers: in.RootFS.Layers}
}

// CheckArch returns an error if nodes of that architecture cannot run the image.
func (i *Image) CheckArch(arch string) error {
	if i.Arch == "" || i.Arch == arch {
		return nil
	}
	return &step.Error{
		Sentence: fmt.Sprintf("build %s: the image is for %s, and the nodes are %s", i.Folder.Name, i.Arch, arch),
		Hint:     fmt.Sprintf("FROM --platform=linux/%s in %s", arch, i.Folder.dockerfile()),
	}
}
