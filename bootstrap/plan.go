package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// Plan reports in steps what Up would do with the same options, and does none of
// it: the nodes are asked for the image, and the API server, by a dry run of
// each apply, for what would change.
func Plan(ctx context.Context, o UpOptions, steps step.Reporter) error {
	up, err := newUpRun(o, steps)
	if err != nil {
		return err
	}
	if err := up.plan(kube.WithoutKlog(ctx)); err != nil {
		steps.Fail(err)
		return err
	}
	return nil
}

// plan takes the steps of a Plan.
func (up *upRun) plan(ctx context.Context) error {
	if err := up.check(ctx); err != nil {
		return err
	}
	if err := up.planImage(); err != nil {
		return err
	}
	if up.image != nil {
		defer up.image.Close()
	}
	for _, f := range up.options.Builds {
		up.steps.Begin(step.Build)
		up.steps.Done("would build the image of "+f.String(), false)
	}
	if err := up.planLoad(ctx); err != nil {
		return err
	}
	return up.planApply(ctx)
}

// planImage says of what the image would be made. One that would have to be built is not
// known: up.image stays nil.
func (up *upRun) planImage() error {
	up.steps.Begin(step.Image)
	img, how, err := up.options.Packer.Plan(up.options.Cluster.Arch)
	if err != nil {
		return err
	}
	if up.image = img; img == nil {
		up.steps.Done("would pack the image of "+how, false)
		return nil
	}
	up.steps.Done(fmt.Sprintf("would pack image %s (%s) of %s", img.Name(), megabytes(img.Size), how), false)
	return nil
}

func (up *upRun) planLoad(ctx context.Context) error {
	up.steps.Begin(step.Load)
	var lacking []string
	for _, n := range up.options.Cluster.Nodes {
		if up.image != nil {
			has, err := up.options.Cluster.Has(ctx, n.Name, up.image.Identity())
			if err != nil {
				return err
			}
			if has {
				continue
			}
		}
		lacking = append(lacking, n.Name)
	}
	if len(lacking) == 0 {
		up.steps.Done("it is on every node", true)
		return nil
	}
	up.steps.Done("would put it on "+strings.Join(lacking, ", "), false)
	return nil
}

func (up *upRun) planApply(ctx context.Context) error {
	up.steps.Begin(step.Apply)
	objects, err := up.render(ctx)
	if err != nil {
		return err
	}
	if err := up.askSize(ctx, manifests.ClusterSize(objects)); err != nil {
		return err
	}
	if up.mover != nil {
		return up.planMove(len(objects))
	}
	own, err := up.inst.FindNamespace(ctx, up.steps.Progress)
	fresh := apierrors.IsNotFound(err)
	if err != nil && !fresh {
		return err
	}
	var created, changed []kube.Ref
	var diff []string
	for _, u := range objects {
		r := kube.RefOf(u)
		if r.Kind == "Namespace" && !fresh && !own {
			continue // it is left as it is
		}
		if fresh {
			created = append(created, r) // nothing can be tried in a namespace that is not there
			continue
		}
		before, after, err := up.inst.Try(ctx, u)
		switch {
		case errors.Is(err, kube.ErrUnknownKind), err == nil && before == nil: // its definition would be made as well
			created = append(created, r)
		case err != nil:
			return err
		case install.Differ(before, after):
			changed = append(changed, r)
			for _, line := range install.Diff(before, after) {
				diff = append(diff, r.String()+": "+line)
			}
		}
	}
	removed, retained, err := install.Obsolete(ctx, up.inst, objects)
	if err != nil {
		return err
	}
	up.tellPlan(len(objects), created, changed, removed)
	for _, line := range diff {
		up.steps.Note(line)
	}
	if len(retained) > 0 {
		up.steps.Note("no longer in the manifests, would be kept for its data: " + kube.Names(retained))
	}
	return nil
}

// planMove reports a move to another size. What would change is known once that is done.
func (up *upRun) planMove(objects int) error {
	m := up.mover
	text := "would move the history from " + install.NodesText(m.From) + " to " + install.NodesText(m.To)
	if m.Phase == install.Back {
		text = "would take back the move to " + install.NodesText(m.To)
	}
	up.steps.Done(fmt.Sprintf("%s, and apply %s in namespace %s", text, install.Count(objects, "object"), up.options.Namespace), false)
	if m.Phase == "" {
		up.steps.Note(m.note())
	}
	return nil
}

// tellPlan ends the step with what an apply of so many objects would do.
func (up *upRun) tellPlan(objects int, created, changed, removed []kube.Ref) {
	var parts []string
	if len(created) > 0 {
		parts = append(parts, "would make "+kube.Names(created))
	}
	if len(changed) > 0 {
		parts = append(parts, "would change "+kube.Names(changed))
	}
	if len(removed) > 0 {
		parts = append(parts, "would remove "+kube.Names(removed))
	}
	unchanged := len(parts) == 0
	if unchanged {
		parts = append(parts, install.Count(objects, "object")+" as they should be")
	}
	up.steps.Done("in namespace "+up.options.Namespace+": "+strings.Join(parts, "; "), unchanged)
}
