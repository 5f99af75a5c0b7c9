package doctor

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/portforward"
	"hellox/bootstrap/run"
)

// Options says what is examined.
type Options struct {
	Runner    *run.Runner
	Providers []cluster.Provider
	// Target is what up would be asked for: Auto, Local or a provider's. A provider
	// that is not asked for, and is not installed, is no failure.
	Target   cluster.Target
	Profile  string // minikube profile or kind cluster; "": any
	Packer   image.Packer
	Ports    []portforward.Port
	StateDir string         // of files that must be kept
	CacheDir string         // of files that may be deleted
	Held     map[int]string // who of this user's hellox listens on a port already
}

// Examine judges each thing, and calls report with each Check as soon as it is
// known, from one goroutine at a time. What does not depend on each other is asked at
// once, as a program that hangs takes seconds.
func Examine(ctx context.Context, o Options, report func(Check)) []Check {
	o.Providers = cluster.Remember(o.Providers) // provider and target ask the same
	e := &examination{Options: o, report: report, archs: map[string]bool{}}
	e.folders()
	e.ports(ctx)
	if o.Target != cluster.Local {
		e.kubeconfig()
		var asking sync.WaitGroup
		asking.Go(func() { e.engineRoom(ctx) })
		for _, p := range o.Providers {
			if info := p.Info(); o.Target == cluster.Auto || o.Target == info.Target {
				asking.Go(func() { e.provider(ctx, p, info) })
			}
		}
		asking.Wait()
	}
	if inCluster := e.target(ctx); inCluster {
		e.executable()
	}
	return e.checks
}

// An examination is what the checks of one Examine share.
type examination struct {
	Options
	report func(Check)

	mu     sync.Mutex
	checks []Check
	archs  map[string]bool // of the nodes that were found
}

func (e *examination) add(c Check) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks = append(e.checks, c)
	e.report(c)
}

// target says which cluster up would take, and why. inCluster is false if it would take
// none.
func (e *examination) target(ctx context.Context) (inCluster bool) {
	found, err := cluster.Find(ctx, e.Providers, cluster.FindOptions{Target: e.Target, Profile: e.Profile})
	if err != nil {
		e.add(failure("up", err, "hellox up --target local"))
		return true
	}
	e.add(ok("up", "takes "+found.String()))
	return found.Target != cluster.Local
}

// executable judges whether this program, or one that up would build, runs on the
// nodes.
func (e *examination) executable() {
	if len(e.archs) == 0 {
		e.archs[runtime.GOARCH] = true
	}
	for arch := range e.archs {
		how, err := e.Packer.Check(arch)
		if err != nil {
			e.add(failure("image", err, "hellox up --target local"))
			continue
		}
		e.add(ok("image", fmt.Sprintf("nodes of linux/%s run %s", arch, how)))
	}
}

// ports judges whether each port is free.
func (e *examination) ports(ctx context.Context) {
	for _, p := range e.Ports {
		name := fmt.Sprintf("port %d", p.Number)
		if held := e.Held[p.Number]; held != "" {
			e.add(ok(name, "held by "+held))
			continue
		}
		local, err := p.Listen(ctx)
		if err != nil {
			e.add(failure(name, err, "hellox up "+p.Flag+" 0"))
			continue
		}
		local.Close()
		if local.Moved != "" {
			e.add(warn(name, local.Moved, fmt.Sprintf("hellox up %s 0, or end the other program", p.Flag)))
			continue
		}
		e.add(ok(name, "free"))
	}
}
