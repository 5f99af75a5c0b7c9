package cluster

import (
	"context"
	"io"

	"hellox/bootstrap/image"
)

// NodeImages gives access to the image stores of a cluster's nodes: through
// the runtime's own command on each node, or through Docker's API.
type NodeImages interface {
	// Has reports whether the node's runtime holds the image, with that content.
	Has(ctx context.Context, node string, img *image.Image) (bool, error)
	// Load gives the node an archive; that it returns nil proves nothing.
	Load(ctx context.Context, node string, archive io.Reader) error
	// Compressed reports whether the archive should be.
	Compressed() bool
	// List returns the full names of a repository's images on the node.
	List(ctx context.Context, node, repository string) ([]string, error)
	Remove(ctx context.Context, node, name string) error
}
