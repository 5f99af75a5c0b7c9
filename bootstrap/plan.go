package bootstrap

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/step"
)

// Plan tells in steps what Up would do with the same options, and does none of
// it: the nodes are asked for the image, and the API server, by a dry run of
// each apply, for what would change. A cluster that does not run is not started
// for that. As with Up, the caller has begun step.Cluster.
func Plan(ctx context.Context, o UpOptions, steps step.Reporter) error {
	p := &planRun{upRun{UpOptions: o, Reporter: steps}}
	defer p.end(ctx)
	for _, step := range []func(context.Context) error{p.planCluster, p.packImage, p.planNodes, p.planApply} {
		if err := step(quiet(ctx)); err != nil {
			steps.Fail(err)
			return err
		}
		if p.here.Cluster == nil {
			return nil
		}
	}
	return nil
}

type planRun struct{ upRun }

func (p *planRun) planCluster(ctx context.Context) error {
	if p.Found.State == cluster.Running {
		return p.readyCluster(ctx)
	}
	p.Done(p.Found.String()+"; what follows cannot be told before", false)
	return nil
}

func (p *planRun) planNodes(ctx context.Context) error {
	p.Begin(step.Load)
	var lacking []string
	for _, n := range p.here.Cluster.Nodes {
		has, err := p.here.Cluster.Has(ctx, n.Name, p.image)
		if err != nil {
			return err
		}
		if !has {
			lacking = append(lacking, n.Name)
		}
	}
	if len(lacking) == 0 {
		p.Done("it is on every node", true)
		return nil
	}
	p.Done("would put it on "+strings.Join(lacking, ", "), false)
	return nil
}

func (p *planRun) planApply(ctx context.Context) error {
	p.Begin(step.Apply)
	objects, err := p.render(ctx)
	if err != nil {
		return err
	}
	own, err := p.site.findNamespace(ctx, p.Progress)
	fresh := apierrors.IsNotFound(err)
	if err != nil && !fresh {
		return err
	}
	var made, altered []ref
	for _, u := range objects {
		r := refOf(u)
		if r.Kind == "Namespace" && !fresh && !own {
			continue // it is left as it is
		}
		if fresh {
			made = append(made, r) // nothing can be tried in a namespace that is not there
			continue
		}
		before, after, err := p.site.try(ctx, u)
		switch {
		case err != nil:
			return err
		case before == nil:
			made = append(made, r)
		case differ(before, after):
			altered = append(altered, r)
		}
	}
	var said []string
	if len(made) > 0 {
		said = append(said, "would make "+names(made))
	}
	if len(altered) > 0 {
		said = append(said, "would change "+names(altered))
	}
	if len(said) == 0 {
		said = append(said, count(len(objects), "object")+" as they should be")
	}
	p.Done("in namespace "+p.Namespace+": "+strings.Join(said, "; "), len(made)+len(altered) == 0)
	return nil
}

// try returns an object as it is, nil if there is none, and as it would be.
func (s *site) try(ctx context.Context, u *unstructured.Unstructured) (before, after *unstructured.Unstructured, err error) {
	r := refOf(u)
	resource, before, err := s.get(ctx, r)
	if err != nil {
		return nil, nil, fmt.Errorf("try %s: %w", r, err)
	}
	after, err = resource.Apply(ctx, r.Name, u, metav1.ApplyOptions{
		FieldManager: fieldManager, Force: true, DryRun: []string{metav1.DryRunAll},
	})
	if err != nil {
		return nil, nil, applyError(r, s.namespace, err)
	}
	return before, after, nil
}
