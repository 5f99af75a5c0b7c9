package cluster

import (
	"context"
	"io"
	"net/http"
	"sync"

	"hellox/bootstrap/image"
)

// NodeImages gives access to the image stores of a cluster's nodes: through
// the runtime's own command on each node, or through Docker's API.
type NodeImages interface {
	// Has reports whether the node's runtime holds the image, with that content.
	Has(ctx context.Context, node string, img image.Identity) (bool, error)
	// Load gives the node an archive of img. confirmed reports that the node's runtime
	// said afterwards that it holds img; that it took the archive proves nothing.
	Load(ctx context.Context, node string, img image.Identity, archive io.Reader) (confirmed bool, err error)
	// Compressed reports whether the archive should be.
	Compressed() bool
	// List returns the full names of a repository's images on the node.
	List(ctx context.Context, node, repository string) ([]string, error)
	Remove(ctx context.Context, node, name string) error
}

// A Loadable is an image that can be loaded into nodes.
type Loadable interface {
	Identity() image.Identity
	// WriteArchive writes the image in the form of `docker save`, compressed if
	// that is asked for and worth it.
	WriteArchive(ctx context.Context, w io.Writer, compressed bool) error
}

// A DockerAPI is a NodeImages that is a Docker daemon, in which images can be built.
type DockerAPI interface {
	// API returns a client for the daemon and the address that paths are put to.
	API() (client *http.Client, base string)
}

// memoized returns get with its first success remembered.
func memoized(get func(context.Context) (NodeImages, error)) func(context.Context) (NodeImages, error) {
	var mu sync.Mutex
	var got NodeImages
	return func(ctx context.Context) (NodeImages, error) {
		mu.Lock()
		defer mu.Unlock()
		if got != nil {
			return got, nil
		}
		images, err := get(ctx)
		if err == nil {
			got = images
		}
		return images, err
	}
}
