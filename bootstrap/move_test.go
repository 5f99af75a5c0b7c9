package bootstrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// A fakeCluster stores objects by their paths, and does at once what a controller would: a
// Job that is not suspended is complete.
type fakeCluster struct {
	t       *testing.T
	mu      sync.Mutex
	objects map[string]map[string]any
	writes  int // that are answered before the cluster is cut off; below 0: all
	fails   bool
	log     []string // what was written
}

var kindsByPath = map[string][]metav1.APIResource{
	"/api/v1": {
		{Name: "configmaps", Kind: "ConfigMap", Namespaced: true}, {Name: "serviceaccounts", Kind: "ServiceAccount", Namespaced: true},
		{Name: "persistentvolumeclaims", Kind: "PersistentVolumeClaim", Namespaced: true}, {Name: "pods", Kind: "Pod", Namespaced: true},
	},
	"/apis/apps/v1":              {{Name: "statefulsets", Kind: "StatefulSet", Namespaced: true}, {Name: "deployments", Kind: "Deployment", Namespaced: true}},
	"/apis/batch/v1":             {{Name: "jobs", Kind: "Job", Namespaced: true}},
	"/apis/networking.k8s.io/v1": {{Name: "networkpolicies", Kind: "NetworkPolicy", Namespaced: true}},
}

func (f *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	gone := func() {
		w.WriteHeader(http.StatusNotFound)
		answer(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonNotFound, Code: 404})
	}
	if kinds, ok := kindsByPath[r.URL.Path]; ok {
		answer(metav1.APIResourceList{APIResources: kinds})
		return
	}
	body, _ := io.ReadAll(r.Body)
	path := r.URL.Path
	if r.Method == http.MethodGet {
		if u := f.objects[path]; u != nil {
			answer(u)
		} else if _, below, _ := strings.Cut(path, "/namespaces/press/"); strings.Contains(below, "/") { // an object
			gone()
		} else {
			f.list(path, answer)
		}
		return
	}
	if f.writes == 0 {
		http.Error(w, "cut off", http.StatusInternalServerError)
		return
	}
	f.writes--
	var u map[string]any
	_ = json.Unmarshal(body, &u)
	f.log = append(f.log, r.Method+" "+path)
	switch r.Method {
	case http.MethodPost:
		path += "/" + u["metadata"].(map[string]any)["name"].(string)
		f.put(path, u)
	case http.MethodPut:
		f.put(path, u)
	case http.MethodPatch:
		if r.Header.Get("Content-Type") == "application/merge-patch+json" {
			u = maps.Clone(f.objects[path])
			u["spec"] = maps.Clone(u["spec"].(map[string]any))
			u["spec"].(map[string]any)["suspend"] = false
		}
		f.put(path, u)
	case http.MethodDelete:
		delete(f.objects, path)
		answer(metav1.Status{Status: "Success"})
		return
	}
	answer(f.objects[path])
}

// list answers with the objects below a path.
func (f *fakeCluster) list(path string, answer func(any)) {
	items := []any{}
	for _, p := range slices.Sorted(maps.Keys(f.objects)) {
		if rest, ok := strings.CutPrefix(p, path+"/"); ok && !strings.Contains(rest, "/") {
			items = append(items, f.objects[p])
		}
	}
	answer(map[string]any{"kind": "List", "apiVersion": "v1", "items": items})
}

// put stores an object, and does the work of its controller.
func (f *fakeCluster) put(path string, u map[string]any) {
	meta := u["metadata"].(map[string]any)
	meta["uid"], meta["resourceVersion"] = "uid of "+path, fmt.Sprint(len(f.log))
	spec, _ := u["spec"].(map[string]any)
	switch u["kind"] {
	case "Job":
		delete(u, "status")
		if spec["suspend"] != true {
			kind := "Complete"
			if f.fails {
				kind = "Failed"
			}
			u["status"] = map[string]any{"conditions": []any{map[string]any{"type": kind, "status": "True"}}}
		}
	}
	f.objects[path] = u
}

func (f *fakeCluster) add(u *unstructured.Unstructured) {
	plural := map[string]string{"StatefulSet": "apis/apps/v1/namespaces/press/statefulsets", "Deployment": "apis/apps/v1/namespaces/press/deployments", "PersistentVolumeClaim": "api/v1/namespaces/press/persistentvolumeclaims"}[u.GetKind()]
	text, err := json.Marshal(u)
	var object map[string]any
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.put("/"+plural+"/"+u.GetName(), object)
}

// newFakeCluster has an installation of a size, with the volume claims of its pods.
func newFakeCluster(t *testing.T, size int) (*fakeCluster, *install.Installation) {
	t.Helper()
	f := &fakeCluster{t: t, objects: map[string]map[string]any{}, writes: -1}
	for _, u := range renderedAt(t, size) {
		switch u.GetKind() {
		case "StatefulSet", "Deployment", "PersistentVolumeClaim":
			f.add(u)
		}
	}
	f.claim(map[int][]string{1: {"data-broker-0"}, 3: {"streams-broker-0", "streams-broker-1", "streams-broker-2"}}[size]...)
	api := httptest.NewServer(f)
	t.Cleanup(api.Close)
	inst, err := install.New(kube.Config{Config: &rest.Config{Host: api.URL}}, "press")
	if err != nil {
		t.Fatal(err)
	}
	return f, inst
}

func (f *fakeCluster) claim(names ...string) {
	for _, name := range names {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "PersistentVolumeClaim"}}
		u.SetName(name)
		u.SetNamespace("press")
		u.SetLabels(map[string]string{manifests.InstallationLabel: "press"})
		f.add(u)
	}
}

func renderedAt(t *testing.T, size int) []*unstructured.Unstructured {
	t.Helper()
	objects, err := manifests.Render(manifests.Options{Namespace: "press", ClusterSize: size})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func brokerAt(t *testing.T, size int) *unstructured.Unstructured {
	t.Helper()
	for _, u := range renderedAt(t, size) {
		if u.GetKind() == "StatefulSet" && u.GetName() == install.RoleBroker {
			return u
		}
	}
	t.Fatal("there is no broker")
	return nil
}

// has returns the names of the objects of a resource.
func (f *fakeCluster) has(resource string) (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(f.objects)) {
		if before, name, ok := strings.Cut(path, "/"+resource+"/"); ok && before != "" {
			names = append(names, name)
		}
	}
	return names
}

// silentSteps are steps that nothing is told of but what ends them.
type silentSteps struct{ done, notes []string }

func (s *silentSteps) Begin(string)             {}
func (s *silentSteps) Progress(string)          {}
func (s *silentSteps) Done(text string, _ bool) { s.done = append(s.done, text) }
func (s *silentSteps) Fail(error)               {}
func (s *silentSteps) Warn(string)              {}
func (s *silentSteps) Note(text string)         { s.notes = append(s.notes, text) }

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

// moveOnce is an up that takes the phases of a move to one node, and its end.
func moveOnce(t *testing.T, inst *install.Installation, asked int) (*silentSteps, error) {
	t.Helper()
	objects := renderedAt(t, 1)
	up, steps, err := newUp(t.Context(), inst, asked)
	if err == nil {
		err = up.moveData(t.Context(), func(context.Context) ([]*unstructured.Unstructured, error) { return objects, nil })
	}
	if err == nil && up.mover != nil {
		err = up.mover.end(t.Context())
	}
	return steps, err
}

// TestMoveToOne cuts the cluster off after each write in turn: the next up goes on with
// the move, and ends it. Until the claims of the old size go that of the new one is there.
func TestMoveToOne(t *testing.T) {
	for n := 0; ; n++ {
		f, inst := newFakeCluster(t, 3)
		f.writes = n
		steps, err := moveOnce(t, inst, 1)
		if got := f.has("persistentvolumeclaims"); !slices.Contains(got, "streams-broker-2") && !slices.Contains(got, "history") {
			t.Fatalf("cut off after %d writes the data is gone: %q", n, got)
		}
		whole := err == nil
		f.writes = -1
		if m, _ := install.ReadMove(t.Context(), inst); m != nil && err != nil {
			if steps, err = moveOnce(t, inst, 0); err != nil { // it need not be asked for again
				t.Errorf("cut off after %d writes: %v", n, err)
			}
		} else if err != nil && n > 1 && len(f.has("statefulsets")) > 1 {
			t.Errorf("cut off after %d writes the move is forgotten: %v", n, f.log)
		}
		if n > 1 || whole {
			if got := f.has("persistentvolumeclaims"); !slices.Equal(got, []string{"history"}) {
				t.Errorf("cut off after %d writes: in the end there are the claims %q", n, got)
			}
			if got := f.has("statefulsets"); slices.Contains(got, "broker") {
				t.Errorf("cut off after %d writes: the nodes run when the installation is applied", n)
			}
			if m, err := install.ReadMove(t.Context(), inst); m != nil || err != nil {
				t.Errorf("cut off after %d writes: in the end the move is %+v (%v)", n, m, err)
			}
		}
		if whole {
			if n < 10 || len(steps.notes) != 1 {
				t.Errorf("it took %d writes, and said %q", n, steps.notes)
			}
			return
		}
		if n > 60 {
			t.Fatalf("it does not end: %q", f.log)
		}
	}
}

// TestMoveToThree drains the broker of one node by a Job, cut off after each write, and
// copies.
func TestMoveToThree(t *testing.T) {
	drain := func(inst *install.Installation) error {
		up, _, err := newUp(t.Context(), inst, 3)
		if err == nil && up.mover.Phase == "" {
			err = up.mover.record(t.Context(), install.Drain)
		}
		if err == nil {
			up.mover.image = up.image.Name()
			err = up.mover.drain(t.Context())
		}
		return err
	}
	var f *fakeCluster
	var inst *install.Installation
	for n := 0; ; n++ {
		f, inst = newFakeCluster(t, 1)
		f.writes = n
		err := drain(inst)
		f.writes = -1
		if err == nil {
			break
		}
		if err := drain(inst); err != nil {
			t.Errorf("cut off after %d writes: %v", n, err)
		}
		if n > 20 {
			t.Fatalf("it does not end: %q", f.log)
		}
	}
	if got := f.has("statefulsets"); slices.Contains(got, "broker") {
		t.Error("the broker of one node runs beside the Job")
	}
	if got := f.has("jobs"); !slices.Equal(got, []string{manifests.DrainJob}) {
		t.Errorf("Jobs %q", got)
	}
	created := slices.Index(f.log, "PATCH /apis/batch/v1/namespaces/press/jobs/broker-drain")
	if removed := slices.Index(f.log, "DELETE /apis/apps/v1/namespaces/press/statefulsets/broker"); created < 0 || removed < created {
		t.Errorf("the broker was removed before there was a Job in its place: %q", f.log)
	}
	// A copy that failed is made anew.
	f.writes, f.fails = -1, true
	f.add(brokerAt(t, 3))
	up, _, err := newUp(t.Context(), inst, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := up.mover
	m.Phase, m.image, m.objects = install.Copy, up.image.Name(), renderedAt(t, 3)
	err = m.copy(t.Context())
	if e, ok := errors.AsType[*step.Error](err); !ok || !strings.Contains(e.Sentence, "Job move failed") || !strings.Contains(e.Hint, "the same hellox up") {
		t.Errorf("a Job that fails: %v", err)
	}
	f.fails = false
	if err := m.copy(t.Context()); err != nil {
		t.Error(err)
	}
	if got := f.has("deployments"); len(got) > 0 {
		t.Errorf("a receiver runs while its history is copied: %q", got)
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
