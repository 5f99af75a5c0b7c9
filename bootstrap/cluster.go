package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
)

// A Target is what hellox runs on.
type Target string

const (
	Auto     Target = "auto" // whichever Find finds best
	Minikube Target = "minikube"
	Kind     Target = "kind"
	Local    Target = "local" // this process: no cluster at all
)

// A Cluster is a local cluster that runs and whose nodes are all ready. It
// has been shown to be the one that its target and profile name.
type Cluster struct {
	Target  Target // Minikube or Kind
	Profile string // of minikube; the cluster's name in kind
	Context string // its context in the user's kubeconfig
	Version string // of Kubernetes: "v1.34.4"
	Runtime string // of its containers: "containerd", "docker", "cri-o"
	Arch    string // of its nodes, as GOARCH has it
	Nodes   []Node // by name, the control plane's first
	Created bool   // made by the Ready that returned it
	// REST reaches its API server with the rights of its kubeconfig.
	REST *rest.Config

	found  Found
	images func(ctx context.Context) (nodeImages, error) // costs minikube a second, if it is called
}

// String names the cluster as a step of `up` does: `kind cluster "hellox"
// (1 node, v1.34.4)`.
func (c *Cluster) String() string {
	nodes := "1 node"
	if len(c.Nodes) != 1 {
		nodes = fmt.Sprintf("%d nodes", len(c.Nodes))
	}
	return fmt.Sprintf("%s (%s, %s)", c.found.thing(), nodes, c.Version)
}

// once keeps the way to the images, once it is found.
func once(find func(context.Context) (nodeImages, error)) func(context.Context) (nodeImages, error) {
	var mu sync.Mutex
	var found nodeImages
	return func(ctx context.Context) (nodeImages, error) {
		mu.Lock()
		defer mu.Unlock()
		if found != nil {
			return found, nil
		}
		images, err := find(ctx)
		if err == nil {
			found = images
		}
		return images, err
	}
}

// these are images that the way to is known of.
func these(i nodeImages) func(context.Context) (nodeImages, error) {
	return func(context.Context) (nodeImages, error) { return i, nil }
}

// nodeImages is the way to the images of a cluster's nodes: through the
// runtime's own command on each node, or through Docker's API.
type nodeImages interface {
	// has says whether the node's runtime holds the image, with that content.
	has(ctx context.Context, node string, img *Image) (bool, error)
	// load gives the node an archive; that it returns nil proves nothing.
	load(ctx context.Context, node string, archive io.Reader) error
	// compressed says whether the archive should be.
	compressed() bool
	// list returns the full names of a repository's images on the node.
	list(ctx context.Context, node, repository string) ([]string, error)
	remove(ctx context.Context, node, name string) error
}

// Has asks the node's runtime whether it holds the image.
func (c *Cluster) Has(ctx context.Context, node string, img *Image) (bool, error) {
	has := false
	images, err := c.images(ctx)
	if err == nil {
		has, err = images.has(ctx, node, img)
	}
	if err != nil {
		return false, fmt.Errorf("ask node %s for image %s: %w", node, img.Name(), err)
	}
	return has, nil
}

// A Delivery is what Deliver did for one node.
type Delivery struct {
	Node      string
	Unchanged bool // the image was there already
	Took      time.Duration
}

// Deliver makes the node hold the image, and proves it: what the loader says
// is not believed, the node's runtime is asked. If progress is not nil it is
// called, from another goroutine, with how many of the archive's bytes are
// on their way, of how many.
func (c *Cluster) Deliver(ctx context.Context, node string, img *Image, progress func(sent, of int64)) (Delivery, error) {
	began := time.Now()
	has, err := c.Has(ctx, node, img)
	if err != nil {
		return Delivery{}, err
	}
	if !has {
		if err := c.load(ctx, node, img, progress); err != nil {
			return Delivery{}, fmt.Errorf("load image into node %s: %w", node, err)
		}
		if has, err = c.Has(ctx, node, img); err != nil {
			return Delivery{}, err
		}
		if !has {
			return Delivery{}, fmt.Errorf("load image into node %s: its runtime took %s and does not have it", node, img.Name())
		}
		return Delivery{Node: node, Took: time.Since(began)}, nil
	}
	return Delivery{Node: node, Unchanged: true, Took: time.Since(began)}, nil
}

// DeliverAll delivers to every node, a few at a time, and calls report (never
// from two goroutines at once) as each is done. The first error ends it.
func (c *Cluster) DeliverAll(ctx context.Context, img *Image, report func(Delivery)) error {
	// Every transfer reads, packs and writes the whole archive: more at
	// once than the laptop has cores only makes each slower.
	const atOnce = 3
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, node := range c.Nodes {
		group.Go(func() error {
			d, err := c.Deliver(ctx, node.Name, img, nil)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			report(d)
			return nil
		})
	}
	return group.Wait()
}

// errEnough ends the writing of an archive whose reader is satisfied.
var errEnough = errors.New("the reader has seen enough")

// load streams the archive into the node.
func (c *Cluster) load(ctx context.Context, node string, img *Image, progress func(sent, of int64)) error {
	images, err := c.images(ctx)
	if err != nil {
		return err
	}
	compressed := images.compressed()
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := img.WriteArchive(w, compressed, progress)
		w.CloseWithError(err)
		written <- err
	}()
	err = images.load(ctx, node, r)
	r.CloseWithError(errEnough)
	if werr := <-written; err == nil && werr != nil && !errors.Is(werr, errEnough) {
		err = werr
	}
	return err
}

// RemoveImages removes every image of ours from every node, but those of the
// tags to keep, and returns how many names it removed.
func (c *Cluster) RemoveImages(ctx context.Context, keep ...string) (int, error) {
	kept := map[string]bool{}
	for _, tag := range keep {
		kept[Repository+":"+tag] = true
	}
	images, err := c.images(ctx)
	if err != nil {
		return 0, fmt.Errorf("list the images of %s: %w", c.found.thing(), err)
	}
	removed := 0
	for _, node := range c.Nodes {
		names, err := images.list(ctx, node.Name, Repository)
		if err != nil {
			return removed, fmt.Errorf("list images of node %s: %w", node.Name, err)
		}
		for _, name := range names {
			if kept[name] {
				continue
			}
			if err := images.remove(ctx, node.Name, name); err != nil {
				return removed, fmt.Errorf("remove image %s from node %s: %w", name, node.Name, err)
			}
			removed++
		}
	}
	return removed, nil
}

// Delete deletes the whole cluster and its entry in the kubeconfig.
func (c *Cluster) Delete(ctx context.Context) error { return c.found.Delete(ctx) }
