package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/image"
)

// A Cluster is a local cluster that runs and whose nodes are all ready. It
// has been shown to be the one that its target and profile name.
type Cluster struct {
	Target  Target // its provider's
	Profile string // minikube profile or kind cluster
	Context string // its context in the user's kubeconfig
	Version string // of Kubernetes: "v1.34.4"
	Runtime string // of its containers: "containerd", "docker", "cri-o"
	Arch    string // of its nodes, as GOARCH has it
	Nodes   []Node // by name, the control plane's first
	Created bool   // by the Found.Start that returned it
	// REST reaches its API server with the rights of its kubeconfig.
	REST *rest.Config

	provider  Provider
	candidate Candidate
	images    func(ctx context.Context) (NodeImages, error) // memoized: it can take a second
}

func newCluster(p Provider, c Candidate, config *rest.Config, nodes []Node, created bool) (*Cluster, error) {
	cluster := &Cluster{
		Target: c.Target, Profile: c.Name, Context: c.Context, Created: created, REST: config,
		provider: p, candidate: c,
	}
	if err := cluster.setNodes(nodes); err != nil {
		return nil, err
	}
	cluster.images = memoized(func(ctx context.Context) (NodeImages, error) { return p.Images(ctx, c, cluster.Runtime) })
	return cluster, nil
}

// String names the cluster as a step of `up` does: `kind cluster "hellox"
// (1 node, v1.34.4)`.
func (c *Cluster) String() string {
	nodes := "1 node"
	if len(c.Nodes) != 1 {
		nodes = fmt.Sprintf("%d nodes", len(c.Nodes))
	}
	return fmt.Sprintf("%s (%s, %s)", c.candidate, nodes, c.Version)
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

// Has asks the node's runtime whether it holds the image.
func (c *Cluster) Has(ctx context.Context, node string, img *image.Image) (bool, error) {
	has := false
	images, err := c.images(ctx)
	if err == nil {
		has, err = images.Has(ctx, node, img)
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
func (c *Cluster) Deliver(ctx context.Context, node string, img *image.Image, progress func(sent, of int64)) (Delivery, error) {
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
func (c *Cluster) DeliverAll(ctx context.Context, img *image.Image, report func(Delivery)) error {
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
func (c *Cluster) load(ctx context.Context, node string, img *image.Image, progress func(sent, of int64)) error {
	images, err := c.images(ctx)
	if err != nil {
		return err
	}
	compressed := images.Compressed()
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := img.WriteArchive(w, compressed, progress)
		w.CloseWithError(err)
		written <- err
	}()
	err = images.Load(ctx, node, r)
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
		kept[image.Repository+":"+tag] = true
	}
	images, err := c.images(ctx)
	if err != nil {
		return 0, fmt.Errorf("list the images of %s: %w", c.candidate, err)
	}
	removed := 0
	for _, node := range c.Nodes {
		names, err := images.List(ctx, node.Name, image.Repository)
		if err != nil {
			return removed, fmt.Errorf("list images of node %s: %w", node.Name, err)
		}
		for _, name := range names {
			if kept[name] {
				continue
			}
			if err := images.Remove(ctx, node.Name, name); err != nil {
				return removed, fmt.Errorf("remove image %s from node %s: %w", name, node.Name, err)
			}
			removed++
		}
	}
	return removed, nil
}

// Delete deletes the whole cluster and its entry in the kubeconfig.
func (c *Cluster) Delete(ctx context.Context) error {
	if err := c.provider.Delete(ctx, c.candidate); err != nil {
		return fmt.Errorf("delete %s: %w", c.candidate, err)
	}
	return nil
}
