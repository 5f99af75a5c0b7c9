package bootstrap_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"hellox/bootstrap"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/portforward"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// A rig is a real kind cluster and what an up in it needs.
type rig struct {
	find    realCluster
	cluster *cluster.Cluster
	// programs are three versions of testdata/pod.
	programs [3]string
}

// newRig makes a cluster of the test's own, or uses the kind cluster that
// HELLOX_E2E_CLUSTER names.
func newRig(t *testing.T) *rig {
	t.Helper()
	nodeImage := realKind(t)
	r := &rig{find: realOptions(t)}
	r.find.make.NodeImage = nodeImage
	r.find.find.Profile = os.Getenv("HELLOX_E2E_CLUSTER")
	if r.find.find.Profile == "" {
		r.find.find.Profile = fmt.Sprintf("hellox-up-%d", os.Getpid())
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

// An upOfTest is an up as a command does it.
type upOfTest struct {
	bootstrap.UpOptions
	found cluster.Found
}

// options are those of an up of program in namespace.
func (r *rig) options(t *testing.T, namespace, program string) upOfTest {
	t.Helper()
	found, err := r.find.found(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return upOfTest{found: found, UpOptions: bootstrap.UpOptions{
		Namespace: namespace, Holder: "this test",
		Packer: image.Packer{Runner: r.find.make.Runner, Executable: program, CacheDir: r.find.make.CacheDir},
	}}
}

// start starts the cluster.
func (o *upOfTest) start(ctx context.Context, steps *recorder) (err error) {
	o.Cluster, err = bootstrap.StartCluster(ctx, o.found, steps.Progress)
	if err == nil {
		steps.Done(o.Cluster.String(), o.found.State == cluster.Running)
	}
	return err
}

func (o upOfTest) up(ctx context.Context, steps *recorder) error {
	if err := o.start(ctx, steps); err != nil {
		return err
	}
	return bootstrap.Up(ctx, o.UpOptions, steps)
}

func (o upOfTest) plan(ctx context.Context, steps *recorder) error {
	if err := o.start(ctx, steps); err != nil {
		return err
	}
	return bootstrap.Plan(ctx, o.UpOptions, steps)
}

// An installed is an installation with its ports forwarded.
type installed struct{ Web, MQTT *portforward.Forward }

func (i *installed) Close() {
	i.Web.Close()
	i.MQTT.Close()
}

// A space is a namespace of the cluster, and the installation in it.
type space struct {
	*install.Installation
	client *kube.Client
}

func (r *rig) installation(t *testing.T, namespace string) space {
	t.Helper()
	inst, err := install.New(r.cluster.REST, namespace)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kube.New(r.cluster.REST)
	if err != nil {
		t.Fatal(err)
	}
	return space{inst, client}
}

// In returns the resource within the namespace.
func (s space) In(r schema.GroupVersionResource) dynamic.ResourceInterface {
	return s.client.All(r).Namespace(s.Namespace)
}

// A recorder is a step.Reporter that a test inspects.
type recorder struct {
	t       *testing.T
	name    string
	began   time.Time
	changed []string // the steps that did something
	texts   []string
	failed  error
	onBegin func(step string)

	mu         sync.Mutex
	progress   []string // each once
	onProgress func(text string)
}

func newRecorder(t *testing.T) *recorder {
	return &recorder{t: t, name: step.Cluster, began: time.Now()}
}

func (s *recorder) Begin(name string) {
	s.name, s.began = name, time.Now()
	if s.onBegin != nil {
		s.onBegin(name)
	}
}
func (s *recorder) Progress(text string) {
	s.mu.Lock()
	if !slices.Contains(s.progress, text) {
		s.progress = append(s.progress, text)
	}
	s.mu.Unlock()
	if s.onProgress != nil {
		s.onProgress(text)
	}
}
func (s *recorder) Done(text string, unchanged bool) {
	s.texts = append(s.texts, text)
	if !unchanged {
		s.changed = append(s.changed, s.name)
	}
	s.t.Logf("✓ %s (unchanged: %v)  %.3f s", text, unchanged, time.Since(s.began).Seconds())
}
func (s *recorder) Fail(err error) {
	s.failed = err
	s.t.Logf("✗ %s: %v  %.3f s", s.name, err, time.Since(s.began).Seconds())
}
func (s *recorder) Warn(text string) {
	s.t.Log("◐ " + text)
}
func (s *recorder) Note(text string) {
	s.texts = append(s.texts, text)
	s.t.Log("• " + text)
}

// up brings it up, and closes the forwards when the test ends.
func up(t *testing.T, o upOfTest) (*installed, *recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	steps := newRecorder(t)
	if err := o.start(ctx, steps); err != nil {
		t.Fatal(err)
	}
	if err := bootstrap.Up(ctx, o.UpOptions, steps); err != nil {
		t.Fatal(err)
	}
	here := &installed{
		Web:  forward(t, o.Cluster, o.Namespace, install.RoleReceive, portforward.PortWeb),
		MQTT: forward(t, o.Cluster, o.Namespace, install.RoleBroker, portforward.PortMQTT),
	}
	t.Cleanup(here.Close)
	return here, steps
}

// forward forwards a free port.
func forward(t *testing.T, c *cluster.Cluster, namespace, role string, port int) *portforward.Forward {
	t.Helper()
	client, err := kube.New(c.REST)
	if err != nil {
		t.Fatal(err)
	}
	local, err := portforward.Port{}.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return portforward.Serve(client, portforward.Target{Namespace: namespace, Selector: install.Selector(namespace, role), Role: role, Port: port}, local)
}

func (r *rig) down(t *testing.T, o bootstrap.DownOptions) *recorder {
	t.Helper()
	steps := newRecorder(t)
	r.downWith(t, o, steps)
	return steps
}

func (r *rig) downWith(t *testing.T, o bootstrap.DownOptions, steps *recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	o.Holder = "this test"
	if err := bootstrap.Down(ctx, r.cluster, o, steps); err != nil {
		t.Fatal(err)
	}
}

// page gets the page through a forward, on a connection of its own.
func page(t *testing.T, f *portforward.Forward, path string) string {
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

// deletePod deletes the role's first pod, and waits until it is going.
func deletePod(t *testing.T, inst space, role string) {
	t.Helper()
	err := inst.In(kube.Pods).Delete(t.Context(), onePod(t, inst, role), metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// onePod names a pod of the role that is not being deleted.
func onePod(t *testing.T, inst space, role string) string {
	t.Helper()
	list, err := inst.In(kube.Pods).List(t.Context(), metav1.ListOptions{LabelSelector: install.Selector(inst.Namespace, role)})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range list.Items {
		if pod.GetDeletionTimestamp() == nil {
			return pod.GetName()
		}
	}
	t.Fatalf("no pod of %s", role)
	return ""
}

// plant makes a ConfigMap that is not of hellox.
func plant(t *testing.T, inst space, name string) {
	t.Helper()
	_, err := inst.In(kube.ConfigMaps).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
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
	if err := manifests.Eject(dir, manifests.OneNode); err != nil {
		t.Fatal(err)
	}
	head := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(head+kustomization), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}
