package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/util/validation"

	"hellox/bootstrap"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/state"
)

// providers are the providers of this machine's clusters. nodeImage is for a
// kind cluster that must be created; "" is kind's own.
func providers(sh shell, nodeImage string) ([]cluster.Provider, error) {
	if sh.clusters != nil {
		return sh.clusters, nil
	}
	root, err := state.Root(sh.env)
	if err != nil {
		return nil, err
	}
	cache, err := cacheRoot()
	if err != nil {
		return nil, err
	}
	return bootstrap.Providers(bootstrap.ProviderOptions{
		Runner: sh.runner, StateDir: root, CacheDir: cache, NodeImage: nodeImage,
	}), nil
}

// remembering returns sh with clusters that are asked once, for a command that
// starts nothing.
func remembering(sh shell) (shell, error) {
	all, err := providers(sh, "")
	if err == nil && sh.clusters == nil {
		sh.clusters = cluster.Remember(all)
	}
	return sh, err
}

// runningClusters are the clusters that run and fit the selection, and an error for
// each question about them that no program answered.
func runningClusters(ctx context.Context, sh shell, s selection) (running []cluster.Found, unanswered []error, err error) {
	all, err := providers(sh, "")
	if err != nil {
		return nil, nil, err
	}
	return cluster.ListRunning(ctx, all, findOptions(s))
}

func findOptions(s selection) cluster.FindOptions {
	target := cluster.Target(s.target)
	if target == "" {
		target = cluster.Auto
	}
	return cluster.FindOptions{Target: target, Profile: s.profile}
}

// cacheRoot returns hellox's folder below the user's cache folder.
func cacheRoot() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", failed(fmt.Errorf("find the cache folder: %w", err), "XDG_CACHE_HOME=/tmp/hellox-cache hellox up")
	}
	return filepath.Join(dir, "hellox"), nil
}

// errNoCluster is the error of a cluster that was removed.
var errNoCluster = errors.New("its cluster no longer exists")

// errStopped is the error of a cluster that is there and does not run.
type errStopped struct{ state cluster.State }

func (e errStopped) Error() string { return fmt.Sprintf("its cluster is %s", e.state) }

// connectCluster connects to the running cluster of an installation. Nothing is
// started for it.
func connectCluster(ctx context.Context, sh shell, i state.Installation) (*cluster.Cluster, error) {
	all, err := providers(sh, "")
	if err != nil {
		return nil, err
	}
	found, err := cluster.Find(ctx, all, findOptions(selection{target: i.Target, profile: i.Profile}))
	if err != nil {
		return nil, err
	}
	if err := elsewhere(ctx, sh, i, found); err != nil {
		return nil, err
	}
	hint := "hellox up " + i.Flags()
	switch found.State {
	case cluster.Running:
		return found.Connect(ctx)
	case cluster.Gone:
		if gone := (*step.Error)(nil); errors.As(found.Unusable(), &gone) {
			hint = gone.Hint
		}
		return nil, missing(fmt.Errorf("connect to %s: %w", i, errNoCluster), hint)
	case cluster.Absent, cluster.Interrupted:
		if err := found.Unlisted(ctx, sh.runner); err != nil {
			return nil, err
		}
		return nil, missing(fmt.Errorf("connect to %s: %w", i, errNoCluster), hint)
	}
	return nil, missing(fmt.Errorf("connect to %s: %w", i, errStopped{found.State}), hint)
}

// usable returns why up cannot use what was found for an installation in namespace. A
// cluster that another container engine has is not created a second time: both would
// have one name, one context in the kubeconfig and one record here.
func usable(ctx context.Context, sh shell, found cluster.Found, namespace string) error {
	err := found.Unusable()
	if err == nil && found.State != cluster.Absent {
		return nil
	}
	here := state.Installation{Target: string(found.Target), Profile: found.Profile, Namespace: namespace}
	if e := elsewhere(ctx, sh, here, found); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	return found.Unlisted(ctx, sh.runner)
}

// elsewhere returns the error of an installation whose cluster was not found because
// another container engine is asked than up asked; nil if that is not known to be so.
func elsewhere(ctx context.Context, sh shell, i state.Installation, found cluster.Found) error {
	if found.State != cluster.Gone && found.State != cluster.Absent {
		return nil
	}
	root, err := state.Root(sh.env)
	if err != nil {
		return err
	}
	all, err := state.List(root)
	if err != nil {
		return nil //nolint:nilerr // nothing is known of it
	}
	for _, recorded := range all { // any in the cluster tells where that is
		if recorded.Target != i.Target || recorded.Profile != i.Profile {
			continue
		}
		if e := found.Elsewhere(ctx, recorded.Engine); e != nil {
			return e
		}
	}
	return nil
}

// installationsInClusters returns the installations in the running local clusters, with
// withData also those of which only the data is left,
// and why a cluster could not be asked: one that is half deleted must not hide what
// is in the others.
func installationsInClusters(ctx context.Context, sh shell, s selection, withData bool) (all []state.Installation, unknown []error, err error) {
	clusters, unknown, err := runningClusters(ctx, sh, s)
	if err != nil {
		return nil, nil, err
	}
	for _, found := range clusters {
		there, err := installationsIn(ctx, found, withData)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err != nil {
			unknown = append(unknown, err)
		}
		for _, i := range there {
			if s.matches(i) {
				all = append(all, i)
			}
		}
	}
	return all, unknown, nil
}

func installationsIn(ctx context.Context, found cluster.Found, withData bool) ([]state.Installation, error) {
	cluster, err := found.Connect(ctx)
	if err != nil {
		return nil, err
	}
	there, err := install.List(ctx, cluster.REST)
	if err != nil {
		return nil, fmt.Errorf("look into %s: %w", found, err)
	}
	var all []state.Installation
	for _, i := range there {
		if withData || !i.DataOnly {
			all = append(all, state.Installation{Target: string(found.Target), Profile: found.Profile, Namespace: i.Namespace})
		}
	}
	return all, nil
}

// checkNamespace returns an error unless name is a valid namespace, which also makes
// it a valid folder name.
func checkNamespace(name string) error {
	if len(validation.IsDNS1123Label(name)) > 0 {
		return args.Expected("1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends")
	}
	return nil
}

// emptyClusters returns the selected clusters that hellox created and that hold no
// installation any more: after a down, a down --cluster still deletes what up
// created. Each is returned as an instance of an installation that does not exist.
func (o *downOptions) emptyClusters(ctx context.Context, sh shell) ([]state.Instance, error) {
	if o.target == targetLocal {
		return nil, nil
	}
	running, unanswered, err := runningClusters(ctx, sh, o.selection)
	if err != nil {
		return nil, err
	}
	if len(running) == 0 && len(unanswered) > 0 {
		return nil, unanswered[0]
	}
	namespace := o.namespace
	if namespace == "" {
		namespace = "hellox"
	}
	var all []state.Instance
	for _, found := range running {
		cluster, err := found.Connect(ctx)
		if err != nil {
			return nil, err
		}
		made, err := install.CreatedByHellox(ctx, cluster.REST)
		if err != nil {
			return nil, fmt.Errorf("look into %s: %w", found, err)
		}
		if made {
			all = append(all, state.Instance{Installation: state.Installation{Target: string(found.Target), Profile: found.Profile, Namespace: namespace}})
		}
	}
	return all, nil
}
