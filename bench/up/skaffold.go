package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// bySkaffold is the namespace of what skaffold brings up.
const bySkaffold = "hellox-skaffold"

// skaffoldConfig is a project as its documentation writes one for kind: the image is
// built by this machine's docker and loaded by kind. Debian's Docker has no BuildKit.
const skaffoldConfig = `apiVersion: skaffold/v4beta11
kind: Config
build:
  artifacts:
    - {image: hellox.bench/skaffold, docker: {dockerfile: Dockerfile}}
  local: {push: false, useBuildkit: false}
manifests: {rawYaml: [manifests.yaml]}
deploy: {kubectl: {}}
`

// skaffoldGlobal keeps it from asking, and from telling.
const skaffoldGlobal = "global: {collect-metrics: false, update-check: false, survey: {disable-prompt: true}}\n"

// A skaffold is a bench that measures skaffold.
type skaffold struct{ *bench }

// way brings the program to the cluster with `skaffold run`, which waits for the
// roll-out, and returns how long that took.
func (b skaffold) way(ctx context.Context, program string) (time.Duration, error) {
	folder := filepath.Join(b.dir, "skaffold")
	if err := dockerFolder(folder, program); err != nil {
		return 0, err
	}
	manifests, err := b.manifests(ctx, program, bySkaffold, "hellox.bench/skaffold")
	if err != nil {
		return 0, err
	}
	global := filepath.Join(b.dir, "skaffold-global.yaml")
	for path, text := range map[string]string{
		filepath.Join(folder, "manifests.yaml"): manifests,
		filepath.Join(folder, "skaffold.yaml"):  skaffoldConfig,
		global:                                  skaffoldGlobal,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return 0, err
		}
	}
	c := b.command(ctx, b.skaffold, "run", "--config", global, "--kube-context", "kind-"+b.cluster, "--interactive=false")
	c.Dir = folder
	began := time.Now()
	_, err = output(c)
	return time.Since(began), err
}

// ups measures, with the programs of changedUps, what skaffold takes for the
// same change, if it was named.
func (b skaffold) ups(ctx context.Context) error {
	if b.skaffold == "" {
		return nil
	}
	var times []float64
	for i, program := range b.programs {
		took, err := b.way(ctx, program)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "skaffold run %.1f s\n", took.Seconds())
		if i > 0 { // once before, unmeasured
			times = append(times, took.Seconds())
		}
	}
	b.figures.add("skaffold run with a changed program", "s", "", times...)
	return nil
}
