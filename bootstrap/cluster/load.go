package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hellox/bootstrap/image"
	"hellox/bootstrap/run"
)

// runtimeTimeout is how long the runtime of a node that was just started may take to
// answer.
const runtimeTimeout = 30 * time.Second

// maxLoads is how many nodes LoadAll loads into at once. Each load reads, packs
// and writes the whole archive: more than the laptop has cores only makes each
// slower.
const maxLoads = 3

// Has reports whether the node's runtime holds the image. The error is one of
// ErrNodeStopped if the node does not run.
func (c *Cluster) Has(ctx context.Context, node string, img image.Identity) (bool, error) {
	has, err := c.ask(ctx, node, img)
	for end := time.Now().Add(runtimeTimeout); err != nil && c.Started && !isNodeStopped(err) && time.Now().Before(end); {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
		has, err = c.ask(ctx, node, img)
	}
	if isNodeStopped(err) {
		return false, c.nodeStopped(node)
	}
	if err != nil {
		return false, fmt.Errorf("ask node %s for image %s: %w", node, img.Name, err)
	}
	return has, nil
}

// ask asks the node's runtime for the image, once.
func (c *Cluster) ask(ctx context.Context, node string, img image.Identity) (bool, error) {
	images, err := c.images(ctx)
	if err != nil {
		return false, err
	}
	return images.Has(ctx, node, img)
}

// Load loads the image into the node, unless the node has it: then loaded is
// false. Loaders report success on failure, so the node's runtime is asked for
// the image afterwards.
func (c *Cluster) Load(ctx context.Context, node string, img Loadable) (loaded bool, err error) {
	has, err := c.Has(ctx, node, img.Identity())
	if err != nil || has {
		return false, err
	}
	if has, err = c.stream(ctx, node, img); err != nil {
		return false, fmt.Errorf("load image into node %s: %w", node, err)
	}
	if !has {
		if has, err = c.Has(ctx, node, img.Identity()); err != nil {
			return false, err
		}
	}
	if !has {
		return false, fmt.Errorf("load image into node %s: its runtime took %s and does not have it", node, img.Identity().Name)
	}
	return true, nil
}

// DockerAPI returns the Docker daemon whose images the pods run, if the cluster has
// one that can be reached by its API.
func (c *Cluster) DockerAPI(ctx context.Context) (api DockerAPI, ok bool, err error) {
	if c.Runtime != "docker" || len(c.Nodes) > 1 {
		return nil, false, nil
	}
	images, err := c.images(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("reach the Docker of %s: %w", c.candidate, err)
	}
	api, ok = images.(DockerAPI)
	return api, ok, nil
}

// LoadAll loads the image into every node, a few at a time. It calls report,
// from one goroutine at a time, with what Load returns for each node. The first
// error ends it.
func (c *Cluster) LoadAll(ctx context.Context, img Loadable, report func(loaded bool)) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxLoads)
	for _, node := range c.Nodes {
		group.Go(func() error {
			loaded, err := c.Load(ctx, node.Name, img)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			report(loaded)
			return nil
		})
	}
	return group.Wait()
}

// LoadEverywhere is LoadAll for a cluster of which a node may be stopped though its API
// server calls it ready, which it does for 40 s: such a node is started, and the image
// loaded into all. progress is as in Found.Start. It calls report anew from the first
// node then.
func (c *Cluster) LoadEverywhere(ctx context.Context, img Loadable, progress func(string), report func(loaded bool, node int)) error {
	load := func() error {
		n := 0
		return c.LoadAll(ctx, img, func(loaded bool) { n++; report(loaded, n) })
	}
	err := load()
	if !errors.Is(err, ErrNodeStopped) {
		return err
	}
	started, serr := c.provider.StartNodes(ctx, c.candidate, progress)
	if serr != nil {
		return serr
	}
	if !started {
		return err
	}
	c.Started = true
	nodes, err := waitForNodes(ctx, c.REST.Config, startedNodesTimeout, explainer(c.provider, c.candidate), progress)
	if err != nil {
		return err
	}
	if err := c.setNodes(nodes); err != nil {
		return err
	}
	return load()
}

// Compresses reports whether an archive is compressed on its way to the nodes.
func (c *Cluster) Compresses(ctx context.Context) bool {
	images, err := c.images(ctx)
	return err == nil && images.Compressed()
}

// stream writes the archive to the node's loader. confirmed is as in NodeImages.Load.
func (c *Cluster) stream(ctx context.Context, node string, img Loadable) (confirmed bool, err error) {
	images, err := c.images(ctx)
	if err != nil {
		return false, err
	}
	written, err := run.Pipe(
		func(w io.Writer) error { return img.WriteArchive(ctx, w, images.Compressed()) },
		func(r io.Reader) (err error) {
			confirmed, err = images.Load(ctx, node, img.Identity(), r)
			return err
		},
	)
	if err == nil {
		err = written
	}
	return confirmed, err
}

// RemovableImages returns hellox's images on every node, except those of the tags
// to keep, by the node's name. left names each node that cannot be asked because it
// is not ready, and why.
func (c *Cluster) RemovableImages(ctx context.Context, keep ...string) (removable map[string][]string, left []string, err error) {
	images, err := c.images(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list the images of %s: %w", c.candidate, err)
	}
	removable = make(map[string][]string)
	for _, node := range c.Nodes {
		names, err := images.List(ctx, node.Name, image.Repository)
		if why := c.whyOff(ctx, node.Name, err); why != "" {
			left = append(left, "node "+node.Name+", which is not ready: "+why)
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("list images of node %s: %w", node.Name, err)
		}
		for _, name := range names {
			if !slices.ContainsFunc(keep, func(tag string) bool { return name == image.Repository+":"+tag }) {
				removable[node.Name] = append(removable[node.Name], name)
			}
		}
	}
	return removable, left, nil
}

// whyOff returns why a node that could not be asked is off, or "" if it is not: its
// container does not run, or its kubelet does not report.
func (c *Cluster) whyOff(ctx context.Context, node string, err error) string {
	if err == nil || ctx.Err() != nil {
		return ""
	}
	if isNodeStopped(err) {
		return "its container does not run"
	}
	nodes, listErr := ListNodes(ctx, c.REST.Config)
	i := slices.IndexFunc(nodes, func(n Node) bool { return n.Name == node })
	if listErr != nil || i < 0 || nodes[i].Ready {
		return ""
	}
	return nodes[i].Why
}

// RemoveNamed removes the images of those names, with their tags, from every node,
// as far as they are there. It returns how many it removed.
func (c *Cluster) RemoveNamed(ctx context.Context, names []string) (int, error) {
	images, err := c.images(ctx)
	if err != nil {
		return 0, fmt.Errorf("list the images of %s: %w", c.candidate, err)
	}
	byRepository := make(map[string][]string) // one question to a node lists them all
	for _, name := range names {
		repository, _, _ := strings.Cut(name, ":")
		byRepository[repository] = append(byRepository[repository], name)
	}
	removed := 0
	for _, node := range c.Nodes {
		for repository, names := range byRepository {
			there, err := images.List(ctx, node.Name, repository)
			if c.whyOff(ctx, node.Name, err) != "" {
				break // RemoveImages names it
			}
			if err != nil {
				return removed, fmt.Errorf("list images of node %s: %w", node.Name, err)
			}
			there = slices.DeleteFunc(there, func(name string) bool { return !slices.Contains(names, name) })
			n, err := removeFrom(ctx, images, node.Name, there)
			removed += n
			if err != nil {
				return removed, err
			}
		}
	}
	return removed, nil
}

// removeFrom removes the images of those names from a node, and returns how many it
// removed.
func removeFrom(ctx context.Context, images NodeImages, node string, names []string) (removed int, err error) {
	for _, name := range names {
		if err := images.Remove(ctx, node, name); err != nil {
			return removed, fmt.Errorf("remove image %s from node %s: %w", name, node, err)
		}
		removed++
	}
	return removed, nil
}

// RemoveImages removes the RemovableImages, and returns how many names it removed.
// left is as in RemovableImages.
func (c *Cluster) RemoveImages(ctx context.Context, keep ...string) (removed int, left []string, err error) {
	removable, left, err := c.RemovableImages(ctx, keep...)
	if err != nil {
		return 0, nil, err
	}
	images, err := c.images(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("list the images of %s: %w", c.candidate, err)
	}
	for node, names := range removable {
		n, err := removeFrom(ctx, images, node, names)
		removed += n
		if err != nil {
			return removed, left, err
		}
	}
	return removed, left, nil
}
