package bootstrap

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// UpOptions say what Up brings up, and where.
type UpOptions struct {
	Found     cluster.Found // the target, a cluster
	Packer    image.Packer
	Namespace string
	// Broadcasters is how many; nil: as many as there are, or one.
	Broadcasters *int
	Overlay      string // folder of a kustomize overlay; "": the base
	Web, MQTT    Port
	// NoForward: another process forwards the ports, or will.
	NoForward bool
	// Holder says who does this and where, for others who would do it at the
	// same time: "ann@laptop, process 4242".
	Holder string
}

// Installed is an installation that Up brought up, with its ports forwarded.
type Installed struct {
	Cluster   *cluster.Cluster
	Namespace string
	Image     string   // its full name
	Web, MQTT *Forward // to the page and to the broker; nil if UpOptions.NoForward
}

// Up goes from a cluster that may have to be made to pods that are rolled out
// and ports that are forwarded, step by step. The caller has begun step.Cluster
// already, before it looked for the cluster. Where nothing is to be done each
// step finds that out cheaply, so that an Up of what is up takes part of a
// second. ctx bounds the steps; what Installed holds stays until Close.
func Up(ctx context.Context, o UpOptions, steps step.Reporter) (*Installed, error) {
	ctx = quiet(ctx)
	up := &upRun{UpOptions: o, Reporter: steps}
	for _, step := range []func(context.Context) error{
		up.takePorts,
		up.readyCluster,
		up.packImage,
		up.deliverImage,
		up.applyManifests,
		up.waitForRollout,
		up.forwardPorts,
	} {
		if err := step(ctx); err != nil {
			steps.Fail(err)
			up.end(ctx)
			up.web.close()
			up.mqtt.close()
			return nil, err
		}
	}
	up.end(ctx)
	return &up.here, nil
}

// An upRun is what the steps of one Up hand on.
type upRun struct {
	UpOptions
	step.Reporter
	here  Installed
	web   localPort
	mqtt  localPort
	image *image.Image
	site  *site
	own   bool            // the namespace is the installation's
	lock  *lock           // held from before the delivery to the end of the roll-out
	held  context.Context // ends when the lock is lost
}

// end lets go of what only the steps needed.
func (up *upRun) end(ctx context.Context) {
	if up.lock != nil {
		up.lock.release(ctx)
	}
	if up.image != nil {
		up.image.Close()
	}
}

// takePorts comes first: a port that is taken must not be found out after a
// cluster was made.
func (up *upRun) takePorts(ctx context.Context) (err error) {
	if up.NoForward {
		return nil
	}
	if up.web, err = up.Web.take(ctx); err != nil {
		return err
	}
	up.mqtt, err = up.MQTT.take(ctx)
	return err
}

func (up *upRun) readyCluster(ctx context.Context) error {
	c, err := up.Found.Start(ctx, up.Progress)
	if err != nil {
		return err
	}
	up.here.Cluster, up.here.Namespace = c, up.Namespace
	if up.site, err = newSite(c.REST, up.Namespace); err != nil {
		return err
	}
	if c.Created {
		if err := up.site.markMade(ctx); err != nil {
			return err
		}
	}
	up.Done(c.String(), up.Found.State == cluster.Running)
	return nil
}

func (up *upRun) packImage(ctx context.Context) error {
	up.Begin(step.Image)
	packer := up.Packer
	packer.Building = func() { up.Progress("building it for " + up.here.Cluster.Arch) }
	image, err := packer.Pack(ctx, up.here.Cluster.Arch)
	if err != nil {
		return err
	}
	up.image, up.here.Image = image, image.Name()
	how := "packed"
	if image.Built {
		how = "built and packed"
	}
	up.Done(fmt.Sprintf("image %s (%d MB) %s", image.Name(), (image.Size+500_000)/1_000_000, how), false)
	return nil
}

// deliverImage puts the image on record before it puts it on the nodes.
func (up *upRun) deliverImage(ctx context.Context) error {
	up.Begin(step.Load)
	var err error
	if up.own, err = up.site.ensureNamespace(ctx, up.Progress); err != nil {
		return err
	}
	if up.held, up.lock, err = up.site.lock(ctx, up.Holder, up.Progress); err != nil {
		return err
	}
	if err := up.site.recordImage(up.held, up.here.Image); err != nil {
		return orLost(up.held, err)
	}
	unchanged, done := true, 0
	nodes := up.here.Cluster.Nodes
	err = up.here.Cluster.LoadAll(up.held, up.image, func(loaded bool) {
		done++
		unchanged = unchanged && !loaded
		up.Progress(fmt.Sprintf("%d of %d", done, len(nodes)))
	})
	if err != nil {
		return orLost(up.held, err)
	}
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	where := "on nodes " + strings.Join(names, ", ")
	switch {
	case len(nodes) == 1:
		where = "on node " + names[0]
	case len(nodes) > 3:
		where = fmt.Sprintf("on all %d nodes", len(nodes))
	}
	up.Done(where, unchanged)
	return nil
}

func (up *upRun) applyManifests(context.Context) error {
	up.Begin(step.Apply)
	objects, err := up.render(up.held)
	if err != nil {
		return err
	}
	done, err := up.site.apply(up.held, objects, up.here.Image, up.own)
	if err != nil {
		return orLost(up.held, err)
	}
	up.Done(done.String()+" in namespace "+up.Namespace, done.unchanged())
	for _, note := range done.notes(up.Namespace) {
		up.Note(note)
	}
	return nil
}

// render returns the objects to apply. The number of broadcasters that
// somebody set stays, unless another one is asked for now.
func (up *upRun) render(ctx context.Context) ([]*unstructured.Unstructured, error) {
	broadcasters := up.Broadcasters
	if broadcasters == nil {
		var err error
		if broadcasters, err = up.site.broadcasters(ctx); err != nil {
			return nil, err
		}
	}
	return manifests.Render(manifests.Options{
		Namespace: up.Namespace, Image: up.here.Image, Broadcasters: broadcasters, Overlay: up.Overlay,
	})
}

func (up *upRun) waitForRollout(context.Context) error {
	return up.site.rolloutStep(up.held, up.Reporter)
}

func (up *upRun) forwardPorts(context.Context) error {
	if up.NoForward {
		return nil
	}
	up.Begin(step.Forward)
	up.here.Web = up.site.forward(up.web, roleReceive, PortWeb)
	up.here.MQTT = up.site.forward(up.mqtt, roleBroker, PortMQTT)
	up.Done("forwarded", false)
	for _, f := range []*Forward{up.here.Web, up.here.MQTT} {
		if f.Moved != "" {
			up.Note(f.Moved)
		}
	}
	return nil
}

// Wait returns when ctx ends, with its error, or when a forward cannot listen
// any longer. It is not for an installation without forwards.
func (r *Installed) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-r.Web.Failed():
		return err
	case err := <-r.MQTT.Failed():
		return err
	}
}

// Close ends the forwards, if there are any. The pods stay.
func (r *Installed) Close() {
	for _, f := range []*Forward{r.Web, r.MQTT} {
		if f != nil {
			f.Close()
		}
	}
}

// orLost is the reason for which held ended, if it did, else err: what fails
// for want of the lock must say so.
func orLost(held context.Context, err error) error {
	if cause := context.Cause(held); cause != nil {
		return cause
	}
	return err
}
