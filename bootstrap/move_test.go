package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/install"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// newUp is an up that asks for a size, as far as checkSize.
func newUp(ctx context.Context, inst *install.Installation, size int) (*upRun, *silentSteps, error) {
	steps := &silentSteps{}
	up := &upRun{options: UpOptions{Namespace: "press", ClusterSize: size, Cluster: &cluster.Cluster{}}, inst: inst, steps: steps, image: &image.Image{Tag: "2"}}
	err := up.checkSize(ctx)
	if up.mover != nil {
		up.mover.rollout = func(context.Context) error { return nil }
	}
	return up, steps, err
}

// upOnce is an up from its look at the size on, without a roll-out.
func upOnce(t *testing.T, inst *install.Installation, asked int) (*silentSteps, error) {
	t.Helper()
	up, steps, err := newUp(t.Context(), inst, asked)
	if err != nil {
		return steps, err
	}
	// The others have no part in a move.
	objects := slices.DeleteFunc(renderedAt(t, cmp.Or(up.size, manifests.OneNode)), func(u *unstructured.Unstructured) bool {
		return !slices.Contains([]string{"StatefulSet", "Deployment", "PersistentVolumeClaim"}, u.GetKind())
	})
	render := func(context.Context) ([]*unstructured.Unstructured, error) { return objects, nil }
	if err := up.moveData(t.Context(), render); err != nil {
		return steps, err
	}
	if err := up.applyManifests(t.Context(), render); err != nil || up.mover == nil {
		return steps, err
	}
	return steps, up.mover.end(t.Context())
}

// TestMoveCutOff cuts the cluster off after each write of a move in turn, as if the up were
// killed there. Whatever a person does then, an up again, one that takes the move back, or
// a down that keeps the data, itself cut off or not, and an up: all that was acknowledged
// is there in the end, once, and nothing is left of the move.
func TestMoveCutOff(t *testing.T) {
	const again, back, down = "up again", "up at the old size", "down --keep-data"
	for from, to := range map[int]int{manifests.OneNode: manifests.SeveralNodes, manifests.SeveralNodes: manifests.OneNode} {
		begun, inst := newFakeCluster(t, from)
		if _, err := upOnce(t, inst, from); err != nil {
			t.Fatal(err)
		}
		whole := false
		for n := 0; !whole; n++ {
			killed, inst := begun.clone()
			killed.writes = n
			steps, err := upOnce(t, inst, to)
			if whole = err == nil; whole && len(steps.notes) != 1 {
				t.Errorf("it said %q", steps.notes)
			}
			for _, way := range []string{again, back, down} {
				for _, cutOff := range []int{-1, n % 7} {
					if cutOff >= 0 && (way == again || n%3 > 0) { // that is tried already, or much like it
						continue
					}
					what := fmt.Sprintf("from %d to %d, cut off after %d writes, then %s, cut off after %d", from, to, n, way, cutOff)
					f, inst := killed.clone()
					f.writes = cutOff
					switch asked := 0; way {
					case back:
						asked = from
						fallthrough
					case again:
						_, err = upOnce(t, inst, asked)
						if e, ok := errors.AsType[*step.Error](err); ok && (way == again || !strings.Contains(e.Hint, fmt.Sprintf("up --cluster-size %d", to))) {
							t.Errorf("%s: %v, hint %s", what, e, e.Hint)
						}
					case down:
						_, err = inst.Clear(t.Context(), true, func(string) {})
					}
					if f.writes = -1; cutOff < 0 && err != nil && way != back {
						t.Errorf("%s: %v", what, err)
					}
					if _, err := upOnce(t, inst, 0); err != nil {
						t.Errorf("%s, then up: %v", what, err)
					}
					f.checkWhole(what, inst)
				}
			}
			if n > 200 {
				t.Fatal("it does not end")
			}
		}
	}
}

// TestDownDuringMove has a down that removes all cut off: what is left of a move is no
// longer gone on with.
func TestDownDuringMove(t *testing.T) {
	f, inst := newFakeCluster(t, manifests.OneNode)
	if err := install.WriteMove(t.Context(), inst, &install.Move{From: 1, To: 3, Phase: install.Copy}); err != nil {
		t.Fatal(err)
	}
	f.writes = 1
	if _, err := inst.Clear(t.Context(), false, func(string) {}); err == nil {
		t.Fatal("it was not cut off")
	}
	f.writes = -1
	if m, err := install.ReadMove(t.Context(), inst); m != nil || err != nil {
		t.Errorf("the move is %+v (%v)", m, err)
	}
}

// TestMoveLooksAgain has another up end a move, or begin one, while this one waits for the
// lock.
func TestMoveLooksAgain(t *testing.T) {
	_, inst := newFakeCluster(t, manifests.OneNode)
	first, _, err := newUp(t.Context(), inst, manifests.SeveralNodes)
	if err != nil {
		t.Fatal(err)
	}
	if err := install.WriteMove(t.Context(), inst, &install.Move{From: 1, To: 3, Phase: install.Copy}); err != nil {
		t.Fatal(err)
	}
	_, lock, err := first.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lock.Release(t.Context())
	if m := first.mover; m == nil || m.Phase != install.Copy {
		t.Errorf("while another up began the move: %+v", m)
	}
	ended, inst := newFakeCluster(t, manifests.OneNode)
	if first, _, err = newUp(t.Context(), inst, manifests.SeveralNodes); err != nil {
		t.Fatal(err)
	}
	ended.mu.Lock()
	ended.add(brokerAt(t, manifests.SeveralNodes))
	ended.mu.Unlock()
	if _, lock, err = first.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	lock.Release(t.Context())
	if first.mover != nil || first.size != manifests.SeveralNodes {
		t.Errorf("while another up ended the move: %+v, size %d", first.mover, first.size)
	}
}

// TestMoveInterrupted interrupts an up in a move: what becomes of that is told, where the
// error does not say it.
func TestMoveInterrupted(t *testing.T) {
	_, inst := newFakeCluster(t, manifests.OneNode)
	up, _, err := newUp(t.Context(), inst, manifests.SeveralNodes)
	if err != nil {
		t.Fatal(err)
	}
	if text := up.unfinished(context.Canceled); text != "" {
		t.Errorf("before it has begun: %s", text)
	}
	for phase, want := range map[install.Phase]string{
		install.Drain:  "no client is let in; unless an up is under way, hellox up --namespace press goes on with it, and hellox up --cluster-size 1 --namespace press takes it back",
		install.Finish: "hellox up --namespace press ends it",
		install.Back:   "hellox up --namespace press goes on with that",
	} {
		up.mover.Phase = phase
		if text := up.unfinished(context.Canceled); !strings.Contains(text, "the move from one node to three nodes") || !strings.Contains(text, want) {
			t.Errorf("%s: %s", phase, text)
		}
		for err, told := range map[error]bool{
			up.mover.failed(manifests.MoveJob, &install.Job{}):                                false,
			&step.Error{Sentence: "roll out broker-0: its volume is full", Hint: "make room"}: true,
		} {
			if text := up.unfinished(err); (text != "") != told {
				t.Errorf("%s, after %v: %q", phase, err, text)
			}
		}
	}
}

// TestMoveJobs has Jobs that fail or do not run: the error says why in words, and what to do.
func TestMoveJobs(t *testing.T) {
	waiting := func(reason string) map[string]any {
		return map[string]any{"phase": "Pending", "containerStatuses": []any{map[string]any{"name": "move", "image": "hellox:1", "state": map[string]any{"waiting": map[string]any{"reason": reason}}}}}
	}
	ended := func(reason string, code int) map[string]any {
		return map[string]any{"phase": "Failed", "containerStatuses": []any{map[string]any{"name": "move", "state": map[string]any{"terminated": map[string]any{"reason": reason, "exitCode": code}}}}}
	}
	for _, c := range []struct {
		pod   map[string]any // its status
		fails bool           // the Job, by itself
		log   string
		want  []string
	}{
		{waiting("ErrImageNeverPull"), false, "", []string{"Job move does not run: move-x: image hellox:1 is not on node", "the same hellox up again loads it; hellox up"}},
		{map[string]any{"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}, true, "", []string{"Job move failed: move-x: the pod failed: Evicted: The node was low on resource: memory.", "the same hellox up tries it again"}},
		{ended("OOMKilled", 137), true, `{"step":"copy","state":"progress","detail":"7 of 9 messages"}`, []string{"Job move failed: move-x: it was killed for using more memory than its limit"}},
		{ended("Error", 1), true, `{"step":"copy","state":"failed","detail":"no space left on device"}`, []string{"Job move failed: no space left on device"}},
	} {
		f, inst := newFakeCluster(t, manifests.OneNode)
		f.fails, f.logs = c.fails, c.log
		f.add(manifests.Drained(brokerAt(t, manifests.SeveralNodes), "hellox:1"))
		m := newMover(inst, &silentSteps{}, install.Move{From: 1, To: 3, Phase: install.Copy})
		m.image, m.objects = "hellox:1", renderedAt(t, manifests.SeveralNodes)
		if err := m.beginCopy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !c.fails {
			delete(f.objects["/apis/batch/v1/namespaces/press/jobs/move"], "status")
		}
		pod := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Pod", "status": c.pod,
			"spec": map[string]any{"containers": []any{map[string]any{"name": "move", "image": "hellox:1"}}},
		}}
		pod.SetName("move-x")
		pod.SetLabels(map[string]string{"batch.kubernetes.io/job-name": "move"})
		f.add(pod)
		_, err := m.await(t.Context(), manifests.MoveJob, copyProgress)
		e, ok := errors.AsType[*step.Error](err)
		if !ok {
			t.Errorf("%v: %v", c.want, err)
			continue
		}
		for _, want := range append(c.want, "up --cluster-size 1 --namespace press takes the move back") {
			if !strings.Contains(e.Sentence+"\n"+e.Hint, want) {
				t.Errorf("%q is not in %s\nhint: %s", want, e.Sentence, e.Hint)
			}
		}
	}
	// One that failed, or is of another program, is made anew.
	f, inst := newFakeCluster(t, manifests.OneNode)
	f.add(manifests.Drained(brokerAt(t, manifests.SeveralNodes), "hellox:1"))
	m := newMover(inst, &silentSteps{}, install.Move{From: 1, To: 3, Phase: install.Copy})
	m.image, m.objects = "hellox:1", renderedAt(t, manifests.SeveralNodes)
	if err := m.beginCopy(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{"Failed", "Running"} {
		job := f.objects["/apis/batch/v1/namespaces/press/jobs/move"]
		job["status"] = map[string]any{"conditions": []any{map[string]any{"type": old, "status": "True"}}}
		if old == "Running" {
			m.image = "hellox:2"
		}
		if err := m.copy(t.Context()); err != nil {
			t.Errorf("after a Job that is %s: %v", old, err)
		}
	}
}

// TestTakeBack takes a move back at each phase, or says why it cannot.
func TestTakeBack(t *testing.T) {
	for _, c := range []struct {
		move    install.Move
		running int    // of which size the broker is that runs
		want    string // of the error; "": it is taken back
	}{
		{install.Move{From: 1, To: 3, Phase: install.Drain}, 1, ""},
		{install.Move{From: 1, To: 3, Phase: install.Start}, 0, ""},
		{install.Move{From: 1, To: 3, Phase: install.Start}, 3, ""},
		{install.Move{From: 1, To: 3, Phase: install.Copy}, 3, ""},
		{install.Move{From: 1, To: 3, Phase: install.Back}, 0, ""},
		{install.Move{From: 1, To: 3, Phase: install.Finish}, 3, "has come too far"},
		{install.Move{From: 3, To: 1, Phase: install.Drain}, 3, ""},
		{install.Move{From: 3, To: 1, Phase: install.Copy}, 3, ""},
		{install.Move{From: 3, To: 1, Phase: install.Finish}, 3, "has come too far"},
	} {
		f, inst := newFakeCluster(t, max(c.running, 1))
		if c.running != 1 {
			delete(f.objects, "/apis/apps/v1/namespaces/press/statefulsets/broker")
		}
		if c.running == 3 {
			f.add(manifests.Drained(brokerAt(t, 3), "hellox:2"))
		}
		f.claim("history", "data-broker-0", "streams-broker-0")
		if err := install.WriteMove(t.Context(), inst, &c.move); err != nil {
			t.Fatal(err)
		}
		up, _, err := newUp(t.Context(), inst, c.move.From)
		if c.want != "" {
			if !step.Is(err, step.Ambiguous) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: %v", c.move, err)
			}
			continue
		}
		objects := renderedAt(t, c.move.From)
		if err == nil {
			err = up.moveData(t.Context(), func(context.Context) ([]*unstructured.Unstructured, error) { return objects, nil })
		}
		if err != nil {
			t.Errorf("%+v: %v", c.move, err)
			continue
		}
		for _, name := range f.has("persistentvolumeclaims") {
			if manifests.ClaimSize(name) == c.move.To {
				t.Errorf("%+v: the claim %s is left", c.move, name)
			}
		}
		if !slices.ContainsFunc(f.has("persistentvolumeclaims"), func(name string) bool { return manifests.ClaimSize(name) == c.move.From }) {
			t.Errorf("%+v: the data is gone", c.move)
		}
		if c.running == 3 && slices.Contains(f.has("statefulsets"), "broker") {
			t.Errorf("%+v: the nodes that let no client in are left", c.move)
		}
		if m, err := install.ReadMove(t.Context(), inst); m != nil || err != nil {
			t.Errorf("%+v: the move is %+v (%v)", c.move, m, err)
		}
	}
}

// TestAskSize says what a size does that is asked for, of what is there.
func TestAskSize(t *testing.T) {
	for _, c := range []struct {
		is, asked int
		left      bool // the pods are gone, the data is there
		moves     bool
		want      string // of the sentence; "": it is allowed
	}{
		{is: 1}, {is: 1, asked: 1}, {is: 3}, {is: 3, asked: 3}, {is: 1, asked: 3, moves: true}, {is: 3, asked: 1, moves: true},
		{is: 1, left: true}, {is: 3, asked: 3, left: true},
		{is: 1, asked: 3, left: true, want: "the broker in namespace press is of one node and does not run, so that its data cannot be moved to three nodes"},
		{is: 3, asked: 1, left: true, want: "the broker in namespace press is of three nodes and does not run, so that its data cannot be moved to one node"},
	} {
		f, inst := newFakeCluster(t, c.is)
		if c.left {
			maps.DeleteFunc(f.objects, func(path string, _ map[string]any) bool { return strings.HasPrefix(path, "/apis/apps") })
		}
		up, _, err := newUp(t.Context(), inst, c.asked)
		if c.want != "" {
			e, ok := errors.AsType[*step.Error](err)
			if !ok || e.Kind != step.Ambiguous || e.Sentence != c.want || !strings.Contains(e.Hint, fmt.Sprintf("--cluster-size %d", c.is)) || !strings.Contains(e.Hint, "hellox down") {
				t.Errorf("%+v: %#v", c, err)
			}
			continue
		}
		if err != nil || (up.mover != nil) != c.moves {
			t.Errorf("%+v: move %+v, %v", c, up.mover, err)
		}
	}
	// Another size is no answer while a move is taken back.
	_, inst := newFakeCluster(t, 1)
	if err := install.WriteMove(t.Context(), inst, &install.Move{From: 1, To: 3, Phase: install.Back}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := newUp(t.Context(), inst, 3); !step.Is(err, step.Ambiguous) || !strings.Contains(err.Error(), "is being taken back") {
		t.Errorf("while it is taken back: %v", err)
	}
}

// TestCopyProgress says in words what the copy writes.
func TestCopyProgress(t *testing.T) {
	for want, last := range map[string]install.Line{
		"moves 12,345 of 4,000,000 messages": {Step: "copy", State: "progress", Detail: "12,345 of 4,000,000 messages"},
		"compares 7 of 9 messages":           {Step: "compare", State: "progress", Detail: "7 of 9 messages"},
		"moves the history":                  {Step: "open", State: "begin"},
	} {
		if got := copyProgress(last); got != want {
			t.Errorf("%+v: %q, want %q", last, got, want)
		}
	}
}
