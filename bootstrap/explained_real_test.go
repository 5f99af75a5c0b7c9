package bootstrap_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"hellox/bootstrap"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// testExplained breaks pods in every way that is explained, on a real cluster, side by
// side in a namespace each, and asks for the sentence and the hint.
func testExplained(t *testing.T, r *rig) {
	foreign := filepath.Join(t.TempDir(), "hellox")
	if err := os.WriteFile(foreign, foreignProgram(t, r.programs[0]), 0o777); err != nil {
		t.Fatal(err)
	}
	all := failings(r.cluster.Nodes[0].Name, foreign, r.silent(t))
	o := r.options(t, "hellox-fails", r.programs[0])
	if err := o.start(t.Context(), newRecorder(t)); err != nil {
		t.Fatal(err)
	}
	slots, running := make(chan struct{}, 8), sync.WaitGroup{}
	for i, f := range all {
		// The first loads the image for all.
		slots <- struct{}{}
		attempt := func() {
			defer func() { <-slots }()
			r.provoke(t, f, fmt.Sprintf("hellox-fails-%d", i), o)
		}
		if i == 0 {
			attempt()
			continue
		}
		running.Go(attempt)
	}
	running.Wait()
	// A node of which nothing is heard would be a cause of the others, too.
	lost := &failing{
		name: "node not ready", role: "receive", change: set("/spec/template/spec/nodeName", "hellox-test-lost"),
		before:   "{apiVersion: v1, kind: Node, metadata: {name: hellox-test-lost}, status: {conditions: [{type: Ready, status: Unknown, reason: NodeStatusUnknown, message: Kubelet stopped posting node status.}]}}",
		sentence: "node hellox-test-lost is not ready", hint: "describe node hellox-test-lost", warned: true,
	}
	r.provoke(t, lost, "hellox-fails-node", o)
	all = append(all, lost)
	for _, f := range all {
		t.Run(f.name, f.check)
	}
	t.Run("mended, and run again", func(t *testing.T) { testMended(t, r, o) })
	t.Logf("seconds until up said it; events have whole seconds, so up to 1 s of \"after\" is theirs\n%s", table(all))
}

// silent returns an address that the API server reaches and where nothing answers: the
// listener of this test that accepts and says nothing, on the node's way out.
func (r *rig) silent(t *testing.T) string {
	t.Helper()
	out, err := r.find.make.Runner.Run(t.Context(), run.Command{Name: containerEngine(), Args: []string{
		"exec", r.cluster.Nodes[0].Name, "ip", "-4", "route", "show", "default",
	}})
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(out.Stdout) // default via 172.18.0.1 dev eth0
	if len(words) < 3 {
		t.Fatalf("no default route: %q", out.Stdout)
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(words[2], "0"))
	if err != nil { // the engine runs in a machine of its own
		t.Logf("no silent listener: %v", err)
		return "192.0.2.1"
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}

// testMended has a quota refuse a pod until its controller tries rarely, removes the
// quota, and runs the same up again.
func testMended(t *testing.T, r *rig, o upOfTest) {
	f := &failing{role: "broker"}
	const quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: small, namespace: NAMESPACE}, spec: {hard: {pods: 0}}}"
	o.Namespace, o.Overlay = "hellox-fails-mended", overlay(t, f.kustomization())
	r.plantAll(t, quota, o.Namespace)
	inst := r.installation(t, o.Namespace)
	defer func() {
		if err := inst.client.All(kube.Namespaces).Delete(context.WithoutCancel(t.Context()), o.Namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := bootstrap.Up(ctx, o.UpOptions, newRecorder(t)); err == nil || !strings.Contains(err.Error(), "quota small is used up") {
		t.Fatalf("with the quota: %v", err)
	}
	quotas := schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	if err := inst.In(quotas).Delete(ctx, "small", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := bootstrap.Up(ctx, o.UpOptions, newRecorder(t)); err != nil {
		t.Errorf("without it: %v", err)
	}
}

// provoke brings up an installation in namespace that fails so, and removes it.
func (r *rig) provoke(t *testing.T, f *failing, namespace string, o upOfTest) {
	remove := r.plantAll(t, f.before, namespace)
	defer remove()
	o.Namespace, o.Overlay = namespace, overlay(t, f.kustomization())
	if f.program != "" {
		o.Packer.Executable = f.program
	}
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(f.timeout, time.Minute))
	defer cancel()
	if f.refuser != "" {
		r.awaitRefusal(ctx, t, f.refuser, namespace)
	}
	steps := &listener{failing: f}
	f.err = bootstrap.Up(ctx, o.UpOptions, steps)
	steps.hear(fmt.Sprint(f.err))
	f.from = r.knownSince(t, f, namespace)
	inst := r.installation(t, namespace)
	if err := inst.client.All(kube.Namespaces).Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// awaitRefusal returns when refuser refuses the pods of namespace.
func (r *rig) awaitRefusal(ctx context.Context, t *testing.T, refuser, namespace string) {
	t.Helper()
	pod := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "asks"},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "asks", "image": "asks"}}},
	}}
	for {
		_, err := r.installation(t, namespace).In(kube.Pods).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil && strings.Contains(err.Error(), refuser) {
			return
		}
		select {
		case <-ctx.Done():
			t.Errorf("%s refuses no pod: %v", refuser, err)
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// A listener hears what an up says of a failure.
type listener struct {
	*failing
	mu sync.Mutex
}

func (l *listener) hear(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told.IsZero() && strings.Contains(text, l.sentence) {
		l.told = time.Now()
	}
}

func (l *listener) Begin(string)      {}
func (l *listener) Progress(string)   {}
func (l *listener) Done(string, bool) {}
func (l *listener) Fail(error)        {}
func (l *listener) Note(string)       {}
func (l *listener) Warn(text string) {
	l.said = append(l.said, text)
	l.hear(text)
}

// selecting are the flags of a hint that name the cluster and the installation: how long
// they are is up to the user.
var selecting = regexp.MustCompile(` --(context|namespace|target|profile) \S+`)

// check compares what an up said with what it must say.
func (f *failing) check(t *testing.T) {
	e := new(step.Error)
	if !errors.As(f.err, &e) {
		t.Fatalf("error %v; warned %q", f.err, f.said)
	}
	t.Logf("%s\nhint: %s", e, e.Hint)
	if !strings.Contains(e.Error(), f.sentence) {
		t.Errorf("error %q\nwant  %q", e.Error(), f.sentence)
	}
	if !strings.Contains(e.Hint, f.hint) {
		t.Errorf("hint %q\nwant %q", e.Hint, f.hint)
	}
	for _, left := range strings.SplitAfter(e.Hint, "kubectl ")[1:] {
		if !strings.HasPrefix(left, "--context ") {
			t.Errorf("hint %q: kubectl without the cluster", e.Hint)
		}
	}
	if !strings.Contains(strings.Join(e.Evidence, "\n"), f.evidence) {
		t.Errorf("evidence %q\nwant %q", e.Evidence, f.evidence)
	}
	for _, line := range []string{"hellox: " + e.Error(), "hint: " + selecting.ReplaceAllString(e.Hint, "")} {
		if n := utf8.RuneCountInString(line); n > 160 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	if got := strings.Contains(strings.Join(f.said, "\n"), f.sentence); got != f.warned && !f.either {
		t.Errorf("warned of it: %v, want %v: %q", got, f.warned, f.said)
	}
}

// knownSince returns when the cluster knew of the failure: by the first event of it,
// or by the end of a container.
func (r *rig) knownSince(t *testing.T, f *failing, namespace string) (since time.Time) {
	t.Helper()
	inst := r.installation(t, namespace)
	earliest := func(at time.Time, err error) {
		if err == nil && (since.IsZero() || at.Before(since)) {
			since = at
		}
	}
	events, err := inst.In(kube.Events).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Error(err)
		return since
	}
	for _, u := range events.Items {
		reason, _, _ := unstructured.NestedString(u.Object, "reason")
		if !slices.Contains(f.known, reason) {
			continue
		}
		for _, field := range []string{"eventTime", "firstTimestamp"} {
			text, _, _ := unstructured.NestedString(u.Object, field)
			earliest(time.Parse(time.RFC3339Nano, text))
		}
	}
	if f.third {
		return since.Add(2 * time.Second)
	}
	if len(f.known) > 0 {
		return since
	}
	list, err := inst.In(kube.Pods).List(t.Context(), metav1.ListOptions{LabelSelector: install.Selector(namespace)})
	if err != nil {
		t.Error(err)
		return since
	}
	for i := range list.Items {
		pod, err := kube.PodOf(&list.Items[i])
		if err != nil {
			t.Error(err)
			continue
		}
		for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			for _, ended := range []*corev1.ContainerStateTerminated{s.LastTerminationState.Terminated, s.State.Terminated} {
				if ended != nil {
					earliest(ended.FinishedAt.Time, nil)
				}
			}
		}
		if pod.Spec.NodeName != "" && since.IsZero() {
			earliest(pod.CreationTimestamp.Time, nil)
		}
	}
	return since
}

// table shows how soon each cause was told.
func table(all []*failing) string {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	for _, f := range all {
		after := "–"
		if !f.from.IsZero() && !f.told.IsZero() {
			after = fmt.Sprintf("%.1f", f.told.Sub(f.from).Seconds())
		}
		fmt.Fprintf(w, "%s\t%s s\n", f.name, after)
	}
	w.Flush()
	return text.String()
}

// plantAll makes objects that a failure needs, and their namespace, if there are any.
// What it returns removes those that are in no namespace.
func (r *rig) plantAll(t *testing.T, text, namespace string) (remove func()) {
	t.Helper()
	remove = func() {}
	if text == "" {
		return remove
	}
	client := r.installation(t, namespace).client
	text = "{apiVersion: v1, kind: Namespace, metadata: {name: " + namespace + "}}\n---\n" + strings.ReplaceAll(text, "NAMESPACE", namespace)
	for _, one := range strings.Split(text, "\n---\n") {
		var u unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(one), &u.Object); err != nil {
			t.Fatal(err)
		}
		resource, err := client.ResourceOf(t.Context(), kube.RefOf(&u))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resource.Create(t.Context(), &u, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if u.GetNamespace() == "" && u.GetKind() != "Namespace" {
			before := remove
			remove = func() {
				before()
				if err := resource.Delete(context.WithoutCancel(t.Context()), u.GetName(), metav1.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			}
		}
	}
	return remove
}

// foreignProgram is a program whose header says that it fits the nodes, and
// that their kernel does not take: it has nothing that could be loaded.
func foreignProgram(t *testing.T, program string) []byte {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	const phnum = 56 // where a 64-bit ELF header has the number of segments
	text[phnum], text[phnum+1] = 0, 0
	return text
}
