package bootstrap

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// Plan reports in steps what Up would do with the same options, and does none of
// it: the nodes are asked for the image, and the API server, by a dry run of
// each apply, for what would change.
func Plan(ctx context.Context, o UpOptions, steps step.Reporter) error {
	up, err := newUpRun(o, steps)
	if err == nil {
		err = (&planRun{up}).run(kube.WithoutKlog(ctx))
	}
	if err != nil {
		steps.Fail(err)
	}
	return err
}

// A planRun is an Up of which only the image is made.
type planRun struct{ *upRun }

func (p *planRun) run(ctx context.Context) error {
	if err := p.packImage(ctx); err != nil {
		return err
	}
	defer p.image.Close()
	if err := p.planLoad(ctx); err != nil {
		return err
	}
	return p.planApply(ctx)
}

func (p *planRun) planLoad(ctx context.Context) error {
	p.Begin(step.Load)
	var lacking []string
	for _, n := range p.Cluster.Nodes {
		has, err := p.Cluster.Has(ctx, n.Name, p.image)
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
	own, err := p.inst.FindNamespace(ctx, p.Progress)
	fresh := apierrors.IsNotFound(err)
	if err != nil && !fresh {
		return err
	}
	var created, changed []kube.Ref
	for _, u := range objects {
		r := kube.RefOf(u)
		if r.Kind == "Namespace" && !fresh && !own {
			continue // it is left as it is
		}
		if fresh {
			created = append(created, r) // nothing can be tried in a namespace that is not there
			continue
		}
		before, after, err := p.inst.Try(ctx, u)
		switch {
		case err != nil:
			return err
		case before == nil:
			created = append(created, r)
		case install.Differ(before, after):
			changed = append(changed, r)
		}
	}
	var parts []string
	if len(created) > 0 {
		parts = append(parts, "would make "+kube.Names(created))
	}
	if len(changed) > 0 {
		parts = append(parts, "would change "+kube.Names(changed))
	}
	if len(parts) == 0 {
		parts = append(parts, install.Count(len(objects), "object")+" as they should be")
	}
	p.Done("in namespace "+p.Namespace+": "+strings.Join(parts, "; "), len(created)+len(changed) == 0)
	return nil
}
