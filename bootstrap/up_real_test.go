package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/manifests"
)

// A rig is a real kind cluster and what an up in it needs.
type rig struct {
	find    FindOptions
	cluster *Cluster
	// programs are two versions of testdata/pod.
	programs [2]string
}

// newRig makes a cluster of the test's own, or uses the kind cluster that
// HELLOX_E2E_KIND names.
func newRig(t *testing.T) *rig {
	t.Helper()
	nodeImage := realKind(t)
	r := &rig{find: realOptions(t)}
	r.find.NodeImage = nodeImage
	r.find.Profile = os.Getenv("HELLOX_E2E_KIND")
	if r.find.Profile == "" {
		r.find.Profile = fmt.Sprintf("hellox-up-%d", os.Getpid())
	}
	r.cluster = ready(t, r.find)
	if r.cluster.Created {
		t.Cleanup(func() {
			if err := r.cluster.Delete(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range r.programs {
		r.programs[i] = filepath.Join(t.TempDir(), "pod")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", fmt.Sprintf("-s -w -X main.version=%d", i), "-o", r.programs[i], "./testdata/pod")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+r.cluster.Arch)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build testdata/pod: %v\n%s", err, out)
		}
	}
	return r
}

// options are those of an up of program in namespace, on ports that are free.
func (r *rig) options(t *testing.T, namespace, program string) UpOptions {
	t.Helper()
	found, err := Find(t.Context(), r.find)
	if err != nil {
		t.Fatal(err)
	}
	return UpOptions{
		Found: found, Namespace: namespace, Holder: "this test",
		Packer: Packer{Runner: r.find.Runner, Executable: program, CacheDir: r.find.CacheDir},
	}
}

func (r *rig) site(t *testing.T, namespace string) *site {
	t.Helper()
	s, err := newSite(r.cluster.REST, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told are steps that a test looks into.
type told struct {
	t       *testing.T
	name    string
	began   time.Time
	changed []string // the steps that did something
	notes   []string
	failed  error
	onBegin func(step string)
}

func newTold(t *testing.T) *told { return &told{t: t, name: StepCluster, began: time.Now()} }

func (s *told) Begin(name string) {
	s.name, s.began = name, time.Now()
	if s.onBegin != nil {
		s.onBegin(name)
	}
}
func (s *told) Progress(string) {}
func (s *told) Done(text string, unchanged bool) {
	if !unchanged {
		s.changed = append(s.changed, s.name)
	}
	s.t.Logf("✓ %s (unchanged: %v)  %.3f s", text, unchanged, time.Since(s.began).Seconds())
}
func (s *told) Fail(err error) {
	s.failed = err
	s.t.Logf("✗ %s: %v  %.3f s", s.name, err, time.Since(s.began).Seconds())
}
func (s *told) Note(text string) {
	s.notes = append(s.notes, text)
	s.t.Log("• " + text)
}

// up brings it up, and closes the forwards when the test ends.
func up(t *testing.T, o UpOptions) (*Installed, *told) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	steps := newTold(t)
	here, err := Up(ctx, o, steps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(here.Close)
	return here, steps
}

func (r *rig) down(t *testing.T, o DownOptions) *told {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	steps := newTold(t)
	o.Holder = "this test"
	if err := Down(ctx, r.cluster, o, steps); err != nil {
		t.Fatal(err)
	}
	return steps
}

// page gets the page through a forward, on a connection of its own.
func page(t *testing.T, f *Forward, path string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	resp, err := client.Get("http://" + f.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// One cluster serves all of these.
func TestOnKind(t *testing.T) {
	r := newRig(t)
	t.Run("up and down", func(t *testing.T) { testUpAndDown(t, r) })
	t.Run("explained", func(t *testing.T) { testExplained(t, r) })
	t.Run("killed", func(t *testing.T) { testKilled(t, r) })
}

func testUpAndDown(t *testing.T, r *rig) {
	const namespace = "hellox-test"
	s := r.site(t, namespace)
	r.down(t, DownOptions{Namespace: namespace}) // of a run that was cut off

	here, steps := up(t, r.options(t, namespace, r.programs[0]))
	if !slices.Contains(steps.changed, StepApply) || !slices.Contains(steps.changed, StepNodes) || !slices.Contains(steps.changed, StepRollout) {
		t.Errorf("a first up changed only %v", steps.changed)
	}
	if got := page(t, here.Web, "/"); got != "version 0" {
		t.Errorf("the page says %q", got)
	}

	t.Run("forward", func(t *testing.T) { testForward(t, s, here) })
	t.Run("only forwards reach the page", func(t *testing.T) { testLoopback(t, s) })
	t.Run("namespace refuses privileged pods", func(t *testing.T) { testRestricted(t, s) })

	t.Run("again", func(t *testing.T) {
		began := time.Now()
		_, steps := up(t, r.options(t, namespace, r.programs[0]))
		t.Logf("an up of what is up took %s", time.Since(began))
		for _, step := range []string{StepCluster, StepNodes, StepApply, StepRollout} {
			if slices.Contains(steps.changed, step) {
				t.Errorf("nothing was to do, and %s changed something", step)
			}
		}
	})

	t.Run("planned", func(t *testing.T) {
		steps := newTold(t)
		if err := Plan(t.Context(), r.options(t, namespace, r.programs[0]), steps); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(steps.changed, StepApply) || slices.Contains(steps.changed, StepNodes) {
			t.Errorf("a plan of what is up would change %v", steps.changed)
		}
		two := 2
		o := r.options(t, namespace, r.programs[1])
		o.Broadcasters = &two
		steps = newTold(t)
		if err := Plan(t.Context(), o, steps); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(steps.changed, StepApply) || !slices.Contains(steps.changed, StepNodes) {
			t.Errorf("a plan of a changed program would change only %v", steps.changed)
		}
		if n, err := s.broadcasters(t.Context()); err != nil || *n != 1 {
			t.Errorf("a plan scaled to %v (%v)", n, err)
		}
	})

	t.Run("put back what was changed by hand", func(t *testing.T) { testDrift(t, r, s) })

	t.Run("scale", func(t *testing.T) {
		if err := Scale(t.Context(), r.cluster.REST, namespace, 3, newTold(t)); err != nil {
			t.Fatal(err)
		}
		up(t, r.options(t, namespace, r.programs[0]))
		if n, err := s.broadcasters(t.Context()); err != nil || n == nil || *n != 3 {
			t.Errorf("after scale 3 and up there are %v broadcasters (%v)", n, err)
		}
		one := 1
		o := r.options(t, namespace, r.programs[0])
		o.Broadcasters = &one
		up(t, o)
		if n, err := s.broadcasters(t.Context()); err != nil || n == nil || *n != 1 {
			t.Errorf("after up --broadcasters 1 there are %v (%v)", n, err)
		}
	})

	t.Run("changed program", func(t *testing.T) {
		began := time.Now()
		_, steps := up(t, r.options(t, namespace, r.programs[1]))
		t.Logf("a changed program was rolled out in %s", time.Since(began))
		if !slices.Contains(steps.changed, StepApply) {
			t.Errorf("changed: %v", steps.changed)
		}
		// The forward of the first up is still there, and finds the new pod.
		if got := page(t, here.Web, "/"); got != "version 1" {
			t.Errorf("through the first up's forward the page says %q", got)
		}
	})

	t.Run("status and logs", func(t *testing.T) { testStatusAndLogs(t, r, namespace) })
	t.Run("lock", func(t *testing.T) { testLock(t, r, s) })
	t.Run("prune", func(t *testing.T) { testPrune(t, r, s) })
	t.Run("down", func(t *testing.T) { testDown(t, r, s) })
}

func testForward(t *testing.T, s *site, here *Installed) {
	// What one side has said is answered after it has ended saying.
	c, err := net.Dial("tcp", here.MQTT.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "echo")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if heard, err := io.ReadAll(c); err != nil || string(heard) != "echo" {
		t.Errorf("half-closed: heard %q, %v", heard, err)
	}

	// A reader that has stopped holds up nobody.
	stalled, err := net.Dial("tcp", here.Web.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	fmt.Fprint(stalled, "GET /bytes/1000000000 HTTP/1.0\r\n\r\n")
	if _, err := io.ReadFull(stalled, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	const size = 50 << 20
	if got := page(t, here.Web, fmt.Sprintf("/bytes/%d", size)); len(got) != size {
		t.Errorf("got %d bytes of %d", len(got), size)
	}
	t.Logf("50 MiB beside a stalled reader: %s", time.Since(began))

	// Connections to a port that nobody listens on are reset, and the forward
	// stays.
	dead := s.forward(mustTake(t), roleReceive, 4711)
	defer dead.Close()
	for range 3 {
		c, err := net.Dial("tcp", dead.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("a dead port: read %d, %v; want a reset", n, err)
		}
		c.Close()
	}
	var laps []time.Duration
	for range 20 {
		began := time.Now()
		page(t, here.Web, "/")
		laps = append(laps, time.Since(began))
	}
	slices.Sort(laps)
	t.Logf("a page on a connection of its own: median %s, slowest %s", laps[10], laps[19])

	// A deleted pod's successor is found.
	old := page(t, here.Web, "/pod")
	if old != onePod(t, s, roleReceive) {
		t.Fatalf("the pod calls itself %q", old)
	}
	deletePod(t, s, roleReceive)
	began = time.Now()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for now := old; now == old; {
		if time.Since(began) > 30*time.Second {
			t.Fatal("the forward does not find the new pod")
		}
		resp, err := client.Get("http://" + here.Web.Addr() + "/pod")
		if err != nil {
			continue // the connection was to the old pod
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			now = string(body)
		}
	}
	t.Logf("after its pod was deleted the page was that of the new one in %s", time.Since(began))
}

func mustTake(t *testing.T) localPort {
	t.Helper()
	p, err := Port{}.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// deletePod deletes the role's first pod, and waits until it is going.
func deletePod(t *testing.T, s *site, role string) {
	t.Helper()
	err := s.in(pods).Delete(t.Context(), onePod(t, s, role), metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func onePod(t *testing.T, s *site, role string) string {
	t.Helper()
	list, err := s.in(pods).List(t.Context(), metav1.ListOptions{LabelSelector: s.marked() + "," + roleLabel + "=" + role})
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("no pod of %s (%v)", role, err)
	}
	return list.Items[0].GetName()
}

// The API server's proxy dials the pod's address, as another pod would.
func testLoopback(t *testing.T, s *site) {
	proxied := func(role string, port int, path string) error {
		target := fmt.Sprintf("%s:%d", onePod(t, s, role), port)
		return s.raw.Get().AbsPath("/api/v1/namespaces", s.namespace, "pods", target, "proxy", path).Do(t.Context()).Error()
	}
	if err := proxied(roleReceive, 9000, "healthz"); err != nil {
		t.Errorf("the ops port is not reached, so the rest proves nothing: %v", err)
	}
	for role, port := range map[string]int{roleReceive: PortWeb, roleBroker: PortMQTT} {
		if err := proxied(role, port, ""); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("port %d of %s, from outside the pod: %v; want it refused", port, role, err)
		}
	}
}

func testRestricted(t *testing.T, s *site) {
	privileged := true
	pod := func(p *bool) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "intruder"},
			"spec": map[string]any{"containers": []any{map[string]any{"name": "c", "image": "x", "securityContext": map[string]any{"privileged": *p}}}},
		}}
		return u
	}
	_, err := s.in(pods).Create(t.Context(), pod(&privileged), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("a privileged pod: %v; want PodSecurity to forbid it", err)
	}
}

func testDrift(t *testing.T, r *rig, s *site) {
	ctx := t.Context()
	if err := s.in(statefulSets).Delete(ctx, roleBroadcast, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	u, err := s.in(deployments).Get(ctx, roleReceive, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	want := containers[0].(map[string]any)["image"]
	containers[0].(map[string]any)["image"] = "hellox.local/hellox:by-hand"
	if err := unstructured.SetNestedSlice(u.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.in(deployments).Update(ctx, u, metav1.UpdateOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	_, steps := up(t, r.options(t, s.namespace, r.programs[0]))
	if !slices.Contains(steps.changed, StepApply) {
		t.Error("nothing was put back")
	}
	u, err = s.in(deployments).Get(ctx, roleReceive, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	containers, _, _ = unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	if got := containers[0].(map[string]any)["image"]; got != want {
		t.Errorf("the image is %v, want %v", got, want)
	}
}

func testStatusAndLogs(t *testing.T, r *rig, namespace string) {
	status, err := ReadStatus(t.Context(), r.cluster.REST, namespace)
	if err != nil {
		t.Fatal(err)
	}
	if !status.Ready || len(status.Roles) != 3 {
		t.Errorf("status %+v", status)
	}
	for _, role := range status.Roles {
		if role.Ready != 1 || len(role.Pods) == 0 || role.Pods[len(role.Pods)-1].State != "ready" {
			t.Errorf("role %+v", role)
		}
	}
	var lines []LogLine
	err = Logs(t.Context(), r.cluster.REST, LogOptions{Namespace: namespace, Role: roleBroker}, func(l LogLine) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil || len(lines) == 0 || lines[0].Text != "broker begins, version 1" {
		t.Errorf("logs %v, %v", lines, err)
	}
	// Followed, they go on, also with the next pod.
	enough := errors.New("enough")
	deleted := false
	err = Logs(t.Context(), r.cluster.REST, LogOptions{Namespace: namespace, Role: roleBroadcast, Follow: true}, func(l LogLine) error {
		switch {
		case !deleted && strings.Contains(l.Text, "says"):
			deleted = true
			deletePod(t, r.site(t, namespace), roleBroadcast)
		case deleted && strings.Contains(l.Text, "begins"):
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("followed: %v", err)
	}
}

func testLock(t *testing.T, r *rig, s *site) {
	ctx := t.Context()
	_, held, err := s.lock(ctx, "ann@laptop, process 4242", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Up(ctx, r.options(t, s.namespace, r.programs[1]), newTold(t))
	if err == nil || !strings.Contains(err.Error(), "ann@laptop, process 4242") {
		t.Errorf("a second up: %v", err)
	}
	// A holder that was killed renews no more, and is waited for no longer
	// than its term.
	held.stop()
	<-held.stopped
	began := time.Now()
	up(t, r.options(t, s.namespace, r.programs[1]))
	t.Logf("a dead holder held it up for %s", time.Since(began))
	// The dead one, if it was only slow, does not take away the new one's.
	if err := held.renew(ctx); err == nil {
		t.Error("a lock that was taken over was renewed by its former holder")
	}
}

func testPrune(t *testing.T, r *rig, s *site) {
	ctx := t.Context()
	dir := overlay(t, `
resources: [base, extra.yaml]
`)
	extra := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: b}\n"
	if err := os.WriteFile(filepath.Join(dir, "extra.yaml"), []byte(extra), 0o666); err != nil {
		t.Fatal(err)
	}
	plant(t, s, "planted")
	o := r.options(t, s.namespace, r.programs[1])
	o.Overlay = dir
	up(t, o)
	if _, err := s.in(configMaps).Get(ctx, "extra", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	up(t, r.options(t, s.namespace, r.programs[1]))
	if _, err := s.in(configMaps).Get(ctx, "extra", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("no longer in the manifests, and there: %v", err)
	}
	if _, err := s.in(configMaps).Get(ctx, "planted", metav1.GetOptions{}); err != nil {
		t.Errorf("somebody else's object: %v", err)
	}

	// An object of that name that somebody else made is not taken over.
	extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: planted}\ndata: {a: b}\n"
	if err := os.WriteFile(filepath.Join(dir, "extra.yaml"), []byte(extra), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(ctx, o, newTold(t)); err == nil || !strings.Contains(err.Error(), "not of hellox") {
		t.Errorf("an object of somebody else's: %v", err)
	}
}

// plant makes a ConfigMap that is not of hellox.
func plant(t *testing.T, s *site, name string) {
	t.Helper()
	_, err := s.in(configMaps).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// overlay ejects the manifests and replaces their kustomization.
func overlay(t *testing.T, kustomization string) string {
	t.Helper()
	dir := t.TempDir()
	if err := manifests.Eject(dir); err != nil {
		t.Fatal(err)
	}
	head := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(head+kustomization), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func testDown(t *testing.T, r *rig, s *site) {
	ctx := t.Context()
	at := DownOptions{Namespace: s.namespace}

	dry := at
	dry.DryRun = true
	r.down(t, dry)
	if status, err := s.status(ctx); err != nil || !status.Ready {
		t.Fatalf("after a dry run: %+v, %v", status, err)
	}

	keep := at
	keep.KeepData = true
	r.down(t, keep)
	list, err := s.in(claims).List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("%d volume claims were kept, want 2 (%v)", len(list.Items), err)
	}
	if all, err := s.installations(ctx); err != nil || !slices.ContainsFunc(all, func(i Installation) bool { return i.Namespace == s.namespace && i.DataOnly }) {
		t.Errorf("installations %+v, %v", all, err)
	}
	kept := list.Items[0].GetUID()
	up(t, r.options(t, s.namespace, r.programs[1]))
	if list, err := s.in(claims).List(ctx, metav1.ListOptions{}); err != nil || len(list.Items) != 2 || list.Items[0].GetUID() != kept {
		t.Errorf("the kept data was not used again (%v)", err)
	}

	// Somebody else's object keeps the namespace, and is left as it is.
	steps := r.down(t, at)
	if !slices.ContainsFunc(steps.notes, func(n string) bool { return strings.Contains(n, "ConfigMap planted") }) {
		t.Errorf("notes %q do not name what was left", steps.notes)
	}
	if _, err := s.in(configMaps).Get(ctx, "planted", metav1.GetOptions{}); err != nil {
		t.Errorf("somebody else's object: %v", err)
	}
	if err := s.in(configMaps).Delete(ctx, "planted", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.down(t, at)
	if _, err := s.objects.Resource(namespaces).Get(ctx, s.namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the namespace: %v", err)
	}
	if steps := r.down(t, at); len(steps.changed) > 0 {
		t.Errorf("a second down changed %v", steps.changed)
	}

	// A namespace that was there is used, and stays.
	_, err = s.objects.Resource(namespaces).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": s.namespace},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	up(t, r.options(t, s.namespace, r.programs[0]))
	r.down(t, at)
	u, err := s.objects.Resource(namespaces).Get(ctx, s.namespace, metav1.GetOptions{})
	if err != nil || len(u.GetLabels()) != 1 {
		t.Errorf("a namespace that was there before: %v, %v", u.GetLabels(), err)
	}
	if err := s.objects.Resource(namespaces).Delete(ctx, s.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}
