package bootstrap

import (
	"encoding/json"
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

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// A fakeCluster stores objects by their paths, and does at once what a controller would,
// and what the programs do: a Job that is not suspended is complete, and a broker that lets
// clients in acknowledges a message, which is in its volume from then on.
type fakeCluster struct {
	t       *testing.T
	mu      sync.Mutex
	kinds   map[string][]metav1.APIResource
	objects map[string]map[string]any
	writes  int // that are answered before the cluster is cut off; below 0: all
	fails   bool
	logs    string   // of each pod
	log     []string // what was written

	acknowledged int              // messages; their numbers are 1, 2, 3 …
	volumes      map[string][]int // what is in them, by claim
}

// The claims whose volumes hold what was acknowledged.
const (
	queueClaim   = "data-broker-0" // of one node, until the receiver has stored it
	streamsClaim = "streams-broker-0"
)

// RoundTrip answers a request.
func (f *fakeCluster) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result(), nil
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
	if kinds, ok := f.kinds[r.URL.Path]; ok {
		answer(metav1.APIResourceList{APIResources: kinds})
		return
	}
	body, _ := io.ReadAll(r.Body)
	path := r.URL.Path
	if strings.HasSuffix(path, "/log") {
		_, _ = io.WriteString(w, f.logs)
		return
	}
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
		if claim, ok := strings.CutPrefix(path, "/api/v1/namespaces/press/persistentvolumeclaims/"); ok {
			delete(f.volumes, claim)
		}
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

// put stores an object, and does the work of its controller and its pods.
func (f *fakeCluster) put(path string, u map[string]any) {
	meta := u["metadata"].(map[string]any)
	meta["uid"], meta["resourceVersion"] = "uid of "+path, fmt.Sprint(len(f.log))
	f.objects[path] = u
	switch spec, _ := u["spec"].(map[string]any); {
	case u["kind"] == "StatefulSet" && meta["name"] == install.RoleBroker:
		f.runBroker(&unstructured.Unstructured{Object: u})
	case u["kind"] == "Job":
		if delete(u, "status"); spec["suspend"] == true {
			return
		}
		kind := "Complete"
		if f.fails {
			kind = "Failed"
		} else {
			f.runJob(meta["name"].(string), u)
		}
		u["status"] = map[string]any{"conditions": []any{map[string]any{"type": kind, "status": "True"}}}
	}
}

// runBroker makes the claims of the broker, and has it acknowledge a message.
func (f *fakeCluster) runBroker(u *unstructured.Unstructured) {
	claims, claim := []string{queueClaim}, queueClaim
	if manifests.ClusterSize([]*unstructured.Unstructured{u}) == manifests.SeveralNodes {
		claims, claim = []string{streamsClaim, "streams-broker-1", "streams-broker-2"}, streamsClaim
	}
	for _, name := range claims {
		if f.objects["/api/v1/namespaces/press/persistentvolumeclaims/"+name] == nil {
			f.claim(name)
		}
	}
	if !manifests.IsDrained(u) {
		f.acknowledged++
		f.volumes[claim] = append(f.volumes[claim], f.acknowledged)
	}
}

// runJob does what a Job of a move does.
func (f *fakeCluster) runJob(name string, u map[string]any) {
	broker, receive := f.objects["/apis/apps/v1/namespaces/press/statefulsets/broker"], f.objects["/apis/apps/v1/namespaces/press/deployments/receive"]
	if name == manifests.DrainJob {
		if broker != nil || receive == nil {
			f.t.Errorf("the broker is drained by a Job while there is a StatefulSet (%t), and a receiver (%t)", broker != nil, receive != nil)
		}
		f.volumes[manifests.HistoryClaim] = append(f.volumes[manifests.HistoryClaim], f.volumes[queueClaim]...)
		f.volumes[queueClaim] = nil
		return
	}
	if broker == nil || !manifests.IsDrained(&unstructured.Unstructured{Object: broker}) || receive != nil {
		f.t.Errorf("the history is copied while there is a broker (%t) that lets clients in, or a receiver (%t)", broker != nil, receive != nil)
	}
	from, to := manifests.HistoryClaim, streamsClaim
	if args := fmt.Sprint(u["spec"]); strings.Index(args, "nats://") < strings.Index(args, "sqlite:") {
		from, to = to, from
	}
	if had := f.volumes[to]; len(had) > 0 && !slices.Equal(had, f.volumes[from]) {
		f.t.Errorf("%s is copied to %s, which has %v", from, to, had)
	}
	f.volumes[to] = slices.Clone(f.volumes[from])
}

// checkWhole reports what is missing, or there twice, of what was acknowledged, or left of
// a move, once an installation runs.
func (f *fakeCluster) checkWhole(what string, inst *install.Installation) {
	size, err := install.ClusterSize(f.t.Context(), inst)
	if err != nil {
		f.t.Fatal(err)
	}
	have := f.volumes[streamsClaim]
	if size == manifests.OneNode {
		have = slices.Concat(f.volumes[manifests.HistoryClaim], f.volumes[queueClaim])
	}
	var want []int
	for i := range f.acknowledged {
		want = append(want, i+1)
	}
	if !slices.Equal(have, want) {
		f.t.Errorf("%s: at size %d there are the messages %v, acknowledged were %v", what, size, have, want)
	}
	broker := f.objects["/apis/apps/v1/namespaces/press/statefulsets/broker"]
	if broker == nil || manifests.IsDrained(&unstructured.Unstructured{Object: broker}) || f.objects["/apis/apps/v1/namespaces/press/deployments/receive"] == nil {
		f.t.Errorf("%s: no broker lets clients in, or there is no receiver", what)
	}
	if jobs := f.has("jobs"); len(jobs) > 0 {
		f.t.Errorf("%s: left: %q", what, jobs)
	}
	for _, name := range f.has("persistentvolumeclaims") {
		if manifests.ClaimSize(name) != size {
			f.t.Errorf("%s: at size %d there is %s", what, size, name)
		}
	}
	if m, err := install.ReadMove(f.t.Context(), inst); m != nil || err != nil {
		f.t.Errorf("%s: the move is %+v (%v)", what, m, err)
	}
}

// The versions of the kinds that are in no manifests.
var otherKinds = map[string]string{
	"Pod": "v1", "Event": "v1", "Secret": "v1", "ConfigMap": "v1", "PersistentVolumeClaim": "v1", "Job": "batch/v1", "ReplicaSet": "apps/v1", "Lease": "coordination.k8s.io/v1",
}

// pathOf returns where objects of a kind are.
func pathOf(version, kind string) (group, plural string) {
	if group = "/apis/" + version; !strings.Contains(version, "/") {
		group = "/api/" + version
	}
	if plural = strings.ToLower(kind) + "s"; kind == "NetworkPolicy" {
		plural = "networkpolicies"
	}
	return group, plural
}

// know has the cluster serve a kind.
func (f *fakeCluster) know(version, kind string) {
	group, plural := pathOf(version, kind)
	if !slices.ContainsFunc(f.kinds[group], func(r metav1.APIResource) bool { return r.Kind == kind }) {
		f.kinds[group] = append(f.kinds[group], metav1.APIResource{Name: plural, Kind: kind, Namespaced: kind != "Namespace"})
	}
}

func (f *fakeCluster) add(u *unstructured.Unstructured) {
	text, err := json.Marshal(u)
	var object map[string]any
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	group, plural := pathOf(u.GetAPIVersion(), u.GetKind())
	f.put(group+"/namespaces/press/"+plural+"/"+u.GetName(), object)
}

// newFakeCluster has an installation of a size, with the volume claims of its pods.
func newFakeCluster(t *testing.T, size int) (*fakeCluster, *install.Installation) {
	t.Helper()
	f := &fakeCluster{t: t, kinds: map[string][]metav1.APIResource{}, objects: map[string]map[string]any{}, writes: -1, volumes: map[string][]int{}}
	for kind, version := range otherKinds {
		f.know(version, kind)
	}
	for _, u := range slices.Concat(renderedAt(t, manifests.OneNode), renderedAt(t, manifests.SeveralNodes)) {
		f.know(u.GetAPIVersion(), u.GetKind())
	}
	for _, u := range renderedAt(t, size) {
		switch u.GetKind() {
		case "StatefulSet", "Deployment", "PersistentVolumeClaim":
			f.add(u)
		}
	}
	return f, f.installation()
}

// installation returns a client of f.
func (f *fakeCluster) installation() *install.Installation {
	inst, err := install.New(kube.Config{Config: &rest.Config{Host: "http://press.example", Transport: f}}, "press")
	if err != nil {
		f.t.Fatal(err)
	}
	return inst
}

// clone returns a cluster as f is now, all of whose writes are answered.
func (f *fakeCluster) clone() (*fakeCluster, *install.Installation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &fakeCluster{t: f.t, kinds: f.kinds, objects: map[string]map[string]any{}, writes: -1, acknowledged: f.acknowledged, volumes: map[string][]int{}}
	for path, u := range f.objects {
		text, err := json.Marshal(u)
		if err == nil {
			err = json.Unmarshal(text, &u)
		}
		if err != nil {
			f.t.Fatal(err)
		}
		c.objects[path] = u
	}
	for claim, have := range f.volumes {
		c.volumes[claim] = slices.Clone(have)
	}
	return c, c.installation()
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

// rendered has what is rendered at each size: that takes some tens of milliseconds.
var rendered = map[int]func() ([]*unstructured.Unstructured, error){
	manifests.OneNode:      sync.OnceValues(func() ([]*unstructured.Unstructured, error) { return renderAt(manifests.OneNode) }),
	manifests.SeveralNodes: sync.OnceValues(func() ([]*unstructured.Unstructured, error) { return renderAt(manifests.SeveralNodes) }),
}

func renderAt(size int) ([]*unstructured.Unstructured, error) {
	return manifests.Render(manifests.Options{Namespace: "press", ClusterSize: size})
}

func renderedAt(t *testing.T, size int) []*unstructured.Unstructured {
	t.Helper()
	objects, err := rendered[size]()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(objects)
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
