package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// A mover moves an installation to the other size, in phases. The inventory says which one
// is under way, so that an up that was killed is gone on with by the next one:
//
//	drain   no client is let in, until the history has all that the broker acknowledged
//	start   to three nodes: they start, and let no client in
//	copy    a Job copies the history and compares it
//	finish  the installation is applied at the new size, then the old volumes go
//
// What there was stays, and no client is let in at the new size, until the last of them:
// until then a move can be taken back. See docs/nats.md.
type mover struct {
	install.Move // its Phase is "" before it has begun

	inst    *install.Installation
	steps   step.Reporter
	image   string                       // full name
	own     bool                         // the namespace is the installation's
	objects []*unstructured.Unstructured // of the installation, at the size that it is to have
	// firstNode is one of several nodes, on which volumes may be; "": there is one.
	firstNode string
	rollout   func(context.Context) error // of the broker
}

func newMover(inst *install.Installation, steps step.Reporter, m install.Move) *mover {
	return &mover{Move: m, inst: inst, steps: steps, rollout: func(ctx context.Context) error {
		_, _, err := inst.Rollout(ctx, steps, install.RoleBroker)
		return err
	}}
}

// lookEvery is how often a move looks how far it is.
const lookEvery = 500 * time.Millisecond

// size is of how many nodes the broker is in the end.
func (m *mover) size() int {
	if m.Phase == install.Back {
		return m.From
	}
	return m.To
}

// run takes the phases up to the last, which the rest of the up ends.
func (m *mover) run(ctx context.Context) error {
	m.steps.Begin(step.Move)
	switch m.Phase {
	case install.Back:
		return m.takeBack(ctx)
	case "":
		m.steps.Note(m.note())
		if err := m.record(ctx, install.Drain); err != nil {
			return err
		}
	case install.Finish:
		m.steps.Note("ends " + m.String() + ", which was begun before")
	default:
		m.steps.Note("goes on with " + m.String() + ", which was begun before; " + m.backHint())
	}
	for _, p := range []struct {
		phase, next install.Phase
		do          func(context.Context) error
	}{
		{install.Drain, install.Start, m.drain},
		{install.Start, install.Copy, m.start},
		{install.Copy, install.Finish, m.copy},
	} {
		if m.Phase != p.phase {
			continue
		}
		if err := p.do(ctx); err != nil {
			return err
		}
		if err := m.record(ctx, p.next); err != nil {
			return err
		}
		m.steps.Begin(step.Move)
	}
	if err := m.removeDrained(ctx); err != nil {
		return err
	}
	m.steps.Done("the rest is applied for "+install.NodesText(m.To), false)
	return nil
}

// note says what a move does not move, and what to do about it.
func (m *mover) note() string {
	text := fmt.Sprintf("from %s to %s: the history moves, and clients wait meanwhile; what the broker retains and the sessions of other clients do not: have them publish it and subscribe again",
		install.NodesText(m.From), install.NodesText(m.To))
	if m.To == manifests.SeveralNodes {
		text += "; a message takes 0.8 KiB more there: the oldest that have no room then are evicted (docs/nats.md)"
	}
	return text
}

// record records what comes next.
func (m *mover) record(ctx context.Context, p install.Phase) error {
	m.Phase = p
	return install.WriteMove(ctx, m.inst, &m.Move)
}

func (m *mover) broker(ctx context.Context) (*unstructured.Unstructured, error) {
	return install.Workload(ctx, m.inst, kube.StatefulSets, install.RoleBroker)
}

func (m *mover) receive(ctx context.Context) (*unstructured.Unstructured, error) {
	return install.Workload(ctx, m.inst, kube.Deployments, install.RoleReceive)
}

// removeDrained removes the nodes that let no client in, if they are there: they start
// sooner anew, all at once, than one after the other.
func (m *mover) removeDrained(ctx context.Context) error {
	broker, err := m.broker(ctx)
	if err != nil || broker == nil || !manifests.IsDrained(broker) {
		return err
	}
	return m.remove(ctx, "apps/v1", "StatefulSet", install.RoleBroker)
}

func (m *mover) remove(ctx context.Context, apiVersion, kind, name string) error {
	return install.Remove(ctx, m.inst, apiVersion, kind, name, m.steps.Progress)
}

// drain has the broker let no client in, and waits until nothing that it acknowledged is
// missing in the history of one node; that of three nodes is appended by the copy.
func (m *mover) drain(ctx context.Context) error {
	broker, err := m.broker(ctx)
	if err != nil {
		return err
	}
	if m.To == manifests.OneNode {
		return m.drainNodes(ctx, broker)
	}
	job, err := install.ReadJob(ctx, m.inst, manifests.DrainJob)
	if err != nil {
		return err
	}
	if !job.Exists {
		if broker == nil {
			return m.notRunning()
		}
		receive, err := m.receive(ctx)
		if err != nil {
			return err
		}
		made, err := manifests.Drain(broker, receive, m.image)
		if err == nil {
			err = install.Add(ctx, m.inst, []*unstructured.Unstructured{made})
		}
		if err != nil {
			return err
		}
	}
	if err := m.remove(ctx, "apps/v1", "StatefulSet", install.RoleBroker); err != nil {
		return err
	}
	if err := install.Begin(ctx, m.inst, manifests.DrainJob); err != nil {
		return err
	}
	if _, err := m.await(ctx, manifests.DrainJob, drainProgress); err != nil {
		return err
	}
	m.steps.Done("all that the broker acknowledged is in the history", false)
	return nil
}

func drainProgress(last install.Line) string {
	text := "waiting until the receiver has stored what the broker acknowledged"
	if last.Bytes > 0 {
		text += ": " + humanize.IBytes(uint64(last.Bytes))
	}
	return text
}

// drainNodes has the nodes let no client in.
func (m *mover) drainNodes(ctx context.Context, broker *unstructured.Unstructured) error {
	if broker == nil {
		return m.notRunning()
	}
	if !manifests.IsDrained(broker) {
		if err := install.Update(ctx, m.inst, kube.StatefulSets, manifests.Drained(broker, m.image)); err != nil {
			return err
		}
	}
	if err := m.rollout(ctx); err != nil {
		return err
	}
	m.steps.Done("the nodes let no client in", false)
	return nil
}

// start starts the broker of three nodes, which let no client in. No receiver runs: it would
// begin a history of its own.
func (m *mover) start(ctx context.Context) error {
	if m.To == manifests.OneNode {
		return nil
	}
	var objects []*unstructured.Unstructured
	for _, u := range m.objects {
		switch {
		case u.GetKind() == "Deployment" && u.GetName() == install.RoleReceive:
			continue
		case u.GetKind() == "StatefulSet" && u.GetName() == install.RoleBroker:
			u = manifests.Drained(u, m.image)
		}
		objects = append(objects, u)
	}
	if err := install.Regroup(ctx, m.inst, objects, m.steps.Progress); err != nil {
		return err
	}
	if _, err := m.inst.Apply(ctx, objects, m.image, m.own, m.steps.Progress); err != nil {
		return err
	}
	if err := m.rollout(ctx); err != nil {
		return err
	}
	m.steps.Done("three nodes of the broker run, and let no client in yet", false)
	return nil
}

// copy has a Job copy the history, and compare it.
func (m *mover) copy(ctx context.Context) error {
	broker, err := m.broker(ctx)
	switch {
	case err != nil:
		return err
	case broker == nil && m.To == manifests.OneNode:
		return m.notRunning()
	case broker == nil: // a down --keep-data came between
		if err := m.start(ctx); err != nil {
			return err
		}
		m.steps.Begin(step.Move)
	}
	job, err := install.ReadJob(ctx, m.inst, manifests.MoveJob)
	if err != nil {
		return err
	}
	// One of another program may lack its image on the nodes, or what this one mends.
	old := job.Failed || job.Exists && !job.Complete && job.Image != m.image
	if old {
		if err := m.remove(ctx, "batch/v1", "Job", manifests.MoveJob); err != nil {
			return err
		}
	}
	if !job.Exists || old {
		if err := m.beginCopy(ctx); err != nil {
			return err
		}
	}
	last, err := m.await(ctx, manifests.MoveJob, copyProgress)
	if err != nil {
		return err
	}
	text := "moved the history; both sides are equal" // without its log the Job has succeeded all the same
	if last.SHA256 != "" {
		text = fmt.Sprintf("moved %s messages, IDs %d to %d; both sides are equal, sha256:%.12s…", humanize.Comma(last.Messages), last.First, last.Last, last.SHA256)
	}
	if last.Evicted > 0 {
		text += fmt.Sprintf(", without the oldest %s, for which there is no room (--keep of hellox receive)", humanize.Comma(last.Evicted))
	}
	if last.Damaged > 0 {
		text += fmt.Sprintf(", without the %d that are damaged on the disk", last.Damaged)
	}
	m.steps.Done(text, false)
	return nil
}

// beginCopy makes the Job, and what it needs.
func (m *mover) beginCopy(ctx context.Context) error {
	receive, claim := m.object("Deployment", install.RoleReceive), m.object("PersistentVolumeClaim", manifests.HistoryClaim)
	var err error
	if m.To == manifests.OneNode {
		receive, err = m.receive(ctx)
	} else {
		claim, err = install.Workload(ctx, m.inst, kube.Claims, manifests.HistoryClaim)
	}
	if err != nil {
		return err
	}
	move, err := manifests.Move(manifests.MoveOptions{Namespace: m.inst.Namespace, Image: m.image, To: m.To, Topics: manifests.Topics(receive), Keep: manifests.Keep(receive)})
	if err != nil {
		return err
	}
	if m.firstNode != "" && claim != nil {
		if _, _, err := install.PinToStorage(ctx, m.inst, append(slices.Clone(move), claim), m.firstNode); err != nil {
			return err
		}
	}
	if err := m.remove(ctx, "apps/v1", "Deployment", install.RoleReceive); err != nil {
		return err
	}
	if m.To == manifests.OneNode && claim != nil {
		move = append([]*unstructured.Unstructured{claim}, move...)
	}
	return install.Add(ctx, m.inst, move)
}

// object returns one of the installation at the size that it is to have; nil: there is none.
func (m *mover) object(kind, name string) *unstructured.Unstructured {
	for _, u := range m.objects {
		if u.GetKind() == kind && u.GetName() == name {
			return u
		}
	}
	return nil
}

// end removes the volumes of the old size, once all runs at the new one.
func (m *mover) end(ctx context.Context) error {
	if m.Phase != install.Finish { // it was taken back
		return nil
	}
	m.steps.Begin(step.Move)
	if err := install.RemoveData(ctx, m.inst, m.From, m.steps.Progress); err != nil {
		return err
	}
	if err := install.WriteMove(ctx, m.inst, nil); err != nil {
		return err
	}
	m.steps.Done(fmt.Sprintf("moved to %s; the volumes of %s are removed", install.NodesText(m.To), install.NodesText(m.From)), false)
	return nil
}

// takeBack takes back a move that has let no client in at the new size: what it has made
// goes, and the rest of the up brings back what there was.
func (m *mover) takeBack(ctx context.Context) error {
	if err := m.record(ctx, install.Back); err != nil {
		return err
	}
	for _, job := range []string{manifests.DrainJob, manifests.MoveJob} {
		if err := m.remove(ctx, "batch/v1", "Job", job); err != nil {
			return err
		}
	}
	if err := m.removeDrained(ctx); err != nil {
		return err
	}
	if err := install.RemoveData(ctx, m.inst, m.To, m.steps.Progress); err != nil {
		return err
	}
	if err := install.WriteMove(ctx, m.inst, nil); err != nil {
		return err
	}
	m.Phase = ""
	m.steps.Done("the move to "+install.NodesText(m.To)+" is taken back: the data is that of "+install.NodesText(m.From)+", and whole", false)
	return nil
}

// mayBegin returns an error unless what is to be moved runs: the broker and the receiver
// hand it over themselves.
func (m *mover) mayBegin(ctx context.Context) error {
	broker, err := m.broker(ctx)
	if err != nil {
		return err
	}
	receive, err := m.receive(ctx)
	if err != nil {
		return err
	}
	if broker != nil && receive != nil {
		return nil
	}
	return &step.Error{
		Kind:     step.Ambiguous,
		Sentence: fmt.Sprintf("the broker in namespace %s is of %s and does not run, so that its data cannot be moved to %s", m.inst.Namespace, install.NodesText(m.From), install.NodesText(m.To)),
		Hint:     m.sizeHint(m.From) + " starts it, then the same hellox up moves it; or " + m.inst.Client().Commands.In(m.inst.Namespace).Hellox("down") + " removes it with its data",
	}
}

// turn has the move be taken back; once clients may have been let in at the new size that
// is an error: what they have published is there alone.
func (m *mover) turn() error {
	switch m.Phase {
	case install.Back:
		return &step.Error{
			Kind:     step.Ambiguous,
			Sentence: fmt.Sprintf("the move to %s in namespace %s is being taken back", install.NodesText(m.To), m.inst.Namespace),
			Hint:     m.sizeHint(m.From) + " ends that; then the same hellox up moves it",
		}
	case install.Finish:
		return &step.Error{
			Kind:     step.Ambiguous,
			Sentence: fmt.Sprintf("the move to %s in namespace %s has come too far to be taken back", install.NodesText(m.To), m.inst.Namespace),
			Hint:     m.sizeHint(m.To) + " ends it; then the same hellox up moves it back",
		}
	}
	m.Phase = install.Back
	return nil
}

// notRunning is the error of a move whose broker was taken away.
func (m *mover) notRunning() error {
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("the move to %s in namespace %s cannot go on: the broker of %s does not run", install.NodesText(m.To), m.inst.Namespace, install.NodesText(m.From)),
		Hint:     m.backHint(),
	}
}

// backHint is the command that takes a move back.
func (m *mover) backHint() string {
	return m.sizeHint(m.From) + " takes the move back"
}

func (m *mover) sizeHint(n int) string {
	return m.inst.Client().Commands.In(m.inst.Namespace).Hellox(fmt.Sprintf("up --cluster-size %d", n))
}
