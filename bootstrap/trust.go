package bootstrap

import (
	"context"
	"time"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/bootstrap/trust"
)

// renew ends a renewal of the broker's certificate. It is no failure of the up if that
// cannot be ended now: what there is works for weeks yet, and the next up goes on.
func (up *upRun) renew(ctx context.Context) error {
	if up.trust.Renewing == nil && up.trust.NextPeers == nil {
		return nil
	}
	up.steps.Begin(step.Certificates)
	pods := trustedPods(up.inst)
	var err error
	if up.trust.NextPeers != nil { // the roll-out has brought its authority to all
		if err = up.inst.ApplyOne(ctx, up.trust.NextPeers); err == nil {
			err = pods.Sync(ctx)
		}
	}
	if up.trust.Renewing != nil && err == nil {
		err = up.trust.Renewing.Run(ctx, pods, up.steps.Progress)
	}
	switch {
	case err == nil:
		up.steps.Done("certificates renewed", false)
	case ctx.Err() != nil:
		return err
	default:
		up.steps.Done("the certificates stay as they are until the next up: "+err.Error(), true)
	}
	return nil
}

// trustedPods are the pods that broker and clients of an installation run in.
func trustedPods(inst *install.Installation) trust.Pods {
	return trust.Pods{Client: inst.Client(), Namespace: inst.Namespace, Selector: inst.Selector(), Applying: inst.ApplyOne}
}

// FollowKeys keeps the keys of the cluster's tokens fresh in an installation, until ctx
// ends.
func FollowKeys(ctx context.Context, c *cluster.Cluster, namespace string) error {
	inst, err := install.New(c.REST, namespace)
	if err != nil {
		return err
	}
	trust.FollowKeys(kube.WithoutKlog(ctx), trustedPods(inst))
	return nil
}

// CertificatesEnd returns when the first of an installation's certificates ends; the
// zero time if it has none.
func CertificatesEnd(ctx context.Context, c *cluster.Cluster, namespace string) (time.Time, error) {
	client, err := kube.New(c.REST)
	if err != nil {
		return time.Time{}, err
	}
	return trust.Expiry(kube.WithoutKlog(ctx), client, namespace)
}
