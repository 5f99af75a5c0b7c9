package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hellox/bootstrap/build"
	"hellox/bootstrap/install"
	"hellox/bootstrap/step"
)

// newBuilder returns the builder of images for the cluster: its own Docker where
// that can be reached, else the engine of this machine.
func newBuilder(ctx context.Context, o UpOptions) (build.Builder, error) {
	api, ok, err := o.Cluster.DockerAPI(ctx)
	if err != nil {
		return nil, err
	}
	if ok {
		client, base := api.API()
		return build.Daemon{Client: client, Base: base}, nil
	}
	return build.Host{Runner: o.Packer.Runner}, nil
}

// buildImages builds the images of the folders, a step each.
func (up *upRun) buildImages(ctx context.Context) error {
	for _, f := range up.options.Builds {
		up.steps.Begin(step.Build)
		builder, err := newBuilder(ctx, up.options)
		if err != nil {
			return err
		}
		built, err := builder.Build(ctx, f, up.steps.Progress)
		if err != nil {
			return err
		}
		if err := built.CheckArch(up.options.Cluster.Arch); err != nil {
			return err
		}
		up.built = append(up.built, built)
		where := ""
		if built.InPlace() {
			where = " in the node's Docker"
		}
		up.steps.Done(fmt.Sprintf("image %s (%s) built%s", built.Name(), megabytes(built.Size), where), built.Unchanged)
	}
	return nil
}

// megabytes writes a size as a step does.
func megabytes(size int64) string { return fmt.Sprintf("%d MB", (size+500_000)/1_000_000) }

// loadBuilt loads what was built elsewhere into the nodes, and reports whether all
// nodes had all of it.
func (up *upRun) loadBuilt(ctx context.Context) (unchanged bool, err error) {
	unchanged = true
	for _, built := range up.built {
		if _, err := install.RecordImage(ctx, up.inst, built.Name()); err != nil {
			return false, err
		}
		if built.InPlace() {
			unchanged = unchanged && built.Unchanged
			continue
		}
		up.steps.Progress(built.Name())
		err := up.options.Cluster.LoadAll(ctx, built, func(loaded bool) { unchanged = unchanged && !loaded })
		if err != nil {
			return false, err
		}
	}
	return unchanged, nil
}

// builtImages are the images that were built, by the names that the manifests have.
func (up *upRun) builtImages() map[string]string {
	images := make(map[string]string, len(up.options.Builds))
	for _, f := range up.options.Builds {
		images[f.Name] = f.Placeholder() // in a Plan
	}
	for _, built := range up.built {
		images[built.Folder.Name] = built.Name()
	}
	return images
}

// onlyBuilt returns those of names that were built, and that no other installation of
// the cluster has recorded.
func onlyBuilt(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !strings.HasPrefix(name, build.Prefix) || slices.Contains(others, name)
	})
}
