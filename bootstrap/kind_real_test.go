package bootstrap_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap"
	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/kind"
	"hellox/bootstrap/minikube"
	"hellox/bootstrap/run"
)

func TestMain(m *testing.M) { os.Exit(bootstraptest.Main(m)) }

// realKind returns the node image for real kind clusters. It skips the test unless
// HELLOX_E2E is set; then a missing container engine fails it.
func realKind(t *testing.T) (nodeImage string) {
	t.Helper()
	if os.Getenv("HELLOX_E2E") == "" {
		t.Skip("HELLOX_E2E is not set: no real kind cluster is created")
	}
	return os.Getenv("HELLOX_E2E_NODE_IMAGE")
}

// A realCluster is a kind cluster of this machine that a test looks for.
type realCluster struct {
	find cluster.FindOptions
	make bootstrap.ProviderOptions
}

// realOptions are options with the real environment and folders of the
// test's own, its kubeconfig included.
func realOptions(t *testing.T) realCluster {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("KUBECONFIG", filepath.Join(dir, "kubeconfig"))
	return realCluster{
		find: cluster.FindOptions{Target: kind.Target},
		make: bootstrap.ProviderOptions{Runner: run.New(os.Environ()), StateDir: filepath.Join(dir, "state"), CacheDir: filepath.Join(dir, "cache")},
	}
}

func (o realCluster) found(ctx context.Context) (cluster.Found, error) {
	return cluster.Find(ctx, bootstrap.Providers(o.make), o.find)
}

func ready(t *testing.T, o realCluster) *cluster.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	f, err := o.found(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Start(ctx, func(step string) { t.Log(step) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ownImage is an image of this very test.
func ownImage(t testing.TB, o realCluster, arch string) *image.Image {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if unfit := image.Fits(exe, arch); unfit != nil {
		t.Fatalf("this test %v: CGO_ENABLED=0 makes one that fits", unfit)
	}
	img, err := image.Packer{Runner: o.make.Runner, Executable: exe, CacheDir: o.make.CacheDir}.Pack(t.Context(), arch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

func TestKindFromNothingToNothing(t *testing.T) {
	o := realOptions(t)
	o.make.NodeImage = realKind(t)
	o.find.Profile = fmt.Sprintf("hellox-test-%d", os.Getpid())
	kubeconfig := os.Getenv("KUBECONFIG")
	const mine = "apiVersion: v1\nkind: Config\ncurrent-context: mine\ncontexts:\n- name: mine\n  context: {cluster: c, user: u}\n"
	if err := os.WriteFile(kubeconfig, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	c := ready(t, o)
	t.Cleanup(func() {
		if err := c.Delete(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if !c.Created {
		t.Error("the cluster was created, and Created is false")
	}
	config, err := cluster.LoadKubeconfig(o.make.Runner)
	if err != nil {
		t.Fatal(err)
	}
	if config.CurrentContext != "mine" {
		t.Errorf("the current context is now %q", config.CurrentContext)
	}
	if config.Contexts[c.Context] == nil {
		t.Errorf("the kubeconfig has no context %s", c.Context)
	}

	// Found again, it runs and is not created again.
	again := ready(t, o)
	if again.Created || again.Nodes[0].Name != c.Nodes[0].Name {
		t.Errorf("found again: %+v", again)
	}
	t.Log(again)

	img := ownImage(t, o, again.Arch)
	node := again.Nodes[0].Name
	if has, err := again.Has(t.Context(), node, img.Identity()); err != nil || has {
		t.Fatalf("before: %v, %v", has, err)
	}
	began := time.Now()
	loaded, err := again.Load(t.Context(), node, img)
	if err != nil || !loaded {
		t.Fatalf("load: %v, %v", loaded, err)
	}
	t.Logf("loaded %d MB in %s", img.Size>>20, time.Since(began))
	if loaded, err = again.Load(t.Context(), node, img); err != nil || loaded {
		t.Fatalf("second load: %v, %v", loaded, err)
	}
	if n, _, err := again.RemoveImages(t.Context(), img.Tag); err != nil || n != 0 {
		t.Fatalf("removed %d but the kept one, %v", n, err)
	}
	if n, _, err := again.RemoveImages(t.Context()); err != nil || n != 1 {
		t.Fatalf("removed %d, %v", n, err)
	}
	if has, err := again.Has(t.Context(), node, img.Identity()); err != nil || has {
		t.Fatalf("after: %v, %v", has, err)
	}

	// A cluster that appeared since it was looked for is not ours to remove.
	absent, err := o.found(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	absent.State = cluster.Absent
	if _, err := absent.Start(t.Context(), nil); !errors.Is(err, kind.ErrTaken) {
		t.Errorf("created though it exists: %v", err)
	}

	t.Run("as minikube", func(t *testing.T) { testAsMinikube(t, again) })

	// Stopped, it is started again.
	if _, err := o.make.Runner.Run(t.Context(), run.Command{Name: containerEngine(), Args: []string{"stop", node}}); err != nil {
		t.Fatal(err)
	}
	if started := ready(t, o); started.Created || len(started.Nodes) != 1 {
		t.Errorf("started: %+v", started)
	}
}

// containerEngine is the program that the real kind clusters' nodes are
// containers of.
func containerEngine() string {
	return cmp.Or(os.Getenv("KIND_EXPERIMENTAL_PROVIDER"), "docker")
}

// As the node of a minikube with containerd, the same node is reached the
// same way: through the container engine, and never through docker-env.
func testAsMinikube(t *testing.T, c *cluster.Cluster) {
	node := c.Nodes[0].Name
	l := bootstraptest.NewLaptop(t, "minikube")
	u, err := url.Parse(c.REST.Host)
	if err != nil {
		t.Fatal(err)
	}
	docker, ok := run.New(os.Environ()).Look(containerEngine())
	if !ok {
		t.Fatal("no container engine")
	}
	bootstraptest.Must(os.Symlink(docker, filepath.Join(l.Dir, "bin", "docker")))
	b64 := base64.StdEncoding.EncodeToString
	l.Script.Replace = [][2]string{
		{`"boxed"`, `"` + node + `"`}, {"boxed", node},
		{"https://192.168.58.2:8443", c.REST.Host},
		{`"IP":"192.168.58.2","Port":8443`, `"IP":"127.0.0.1","Port":` + u.Port()},
		{"certificate-authority-data: TEVGVC1PVVQ=", "certificate-authority-data: " + b64(c.REST.CAData)},
		{"client-certificate-data: TEVGVC1PVVQ=", "client-certificate-data: " + b64(c.REST.CertData)},
		{"client-key-data: TEVGVC1PVVQ=", "client-key-data: " + b64(c.REST.KeyData)},
	}
	l.Kubeconfig("two-profiles-one-stopped/kubeconfig")
	l.Scene("now",
		bootstraptest.Play{Call: "minikube profile list -o json --light", Recording: "two-profiles-one-stopped/profile-list-light"},
		bootstraptest.Play{Call: "minikube status -p minikube -o json", Recording: "docker-stopped/status"})
	provider := minikube.New(minikube.Options{Runner: l.Runner(), StateDir: filepath.Join(l.Dir, "state"), CacheDir: filepath.Join(l.Dir, "cache")})
	f, err := cluster.Find(t.Context(), []cluster.Provider{provider}, cluster.FindOptions{Target: cluster.Auto})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = f.Start(t.Context(), func(step string) { t.Log(step) }); err != nil {
		t.Fatal(err)
	}
	if f.Target != minikube.Target || c.Runtime != "containerd" {
		t.Errorf("%v, %s", f, c.Runtime)
	}
	img := bootstraptest.PackBytes(t, "an executable", c.Arch)
	if loaded, err := c.Load(t.Context(), node, img); err != nil || !loaded {
		t.Errorf("%v, %v", loaded, err)
	}
	if loaded, err := c.Load(t.Context(), node, img); err != nil || loaded {
		t.Errorf("the second time: %v, %v", loaded, err)
	}
	candidates, err := provider.List(t.Context(), nil)
	if err != nil || len(candidates) == 0 || candidates[0].Name != f.Profile {
		t.Fatalf("%+v, %v", candidates, err)
	}
	images, err := provider.Images(t.Context(), candidates[0], c.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string]string{"empty": "", "noise": strings.Repeat("noise\x03\n", 1000)} {
		if _, err := images.Load(t.Context(), node, image.Identity{}, strings.NewReader(archive)); err == nil {
			t.Errorf("a broken archive (%s) is taken for loaded", name)
		}
	}
	if n, _, err := c.RemoveImages(t.Context()); err != nil || n != 1 {
		t.Errorf("removed %d, %v", n, err)
	}
}

// An interrupted creation ends at once and leaves no cluster.
func TestKindCreationIsInterrupted(t *testing.T) {
	o := realOptions(t)
	o.make.NodeImage = realKind(t)
	o.find.Profile = fmt.Sprintf("hellox-cut-%d", os.Getpid())
	t.Cleanup(func() {
		if err := kind.New(kind.Options{Runner: o.make.Runner}).Delete(context.Background(), cluster.Candidate{Name: o.find.Profile}); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, err := o.found(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var at time.Time
	_, err = f.Start(ctx, func(step string) {
		t.Log(step)
		if step == "Starting control-plane" {
			at = time.Now()
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	t.Logf("it ended after %s", time.Since(at))
	// Whatever came too late is found by the next one, as what it is.
	f, err = o.found(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.State != cluster.Absent && f.State != cluster.Interrupted {
		t.Errorf("it is found in state %d", f.State)
	}
	t.Logf("it is found in state %d: %s", f.State, f.Why)
	config, err := cluster.LoadKubeconfig(o.make.Runner)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Contexts) != 0 {
		t.Errorf("the kubeconfig has contexts %v", config.Contexts)
	}
}
