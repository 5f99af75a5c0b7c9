package bootstrap

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// realKind says whether there is a container engine and a node image to make
// kind clusters with. Where HELLOX_E2E says that there must be, their absence
// fails.
func realKind(t *testing.T) (nodeImage string) {
	t.Helper()
	if os.Getenv("HELLOX_E2E") == "" {
		t.Skip("HELLOX_E2E is not set: no real kind cluster is made")
	}
	return os.Getenv("HELLOX_NODE_IMAGE")
}

// realOptions are options with the real environment and folders of the
// test's own, its kubeconfig included.
func realOptions(t *testing.T) FindOptions {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("KUBECONFIG", filepath.Join(dir, "kubeconfig"))
	return FindOptions{
		Target: Kind, Runner: NewRunner(os.Environ()),
		StateDir: filepath.Join(dir, "state"), CacheDir: filepath.Join(dir, "cache"),
	}
}

func ready(t *testing.T, o FindOptions) *Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	f, err := Find(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Ready(ctx, func(step string) { t.Log(step) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ownImage is an image of this very test.
func ownImage(t testing.TB, o FindOptions, arch string) *Image {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if unfit := fits(exe, arch); unfit != nil {
		t.Skipf("this test %v: CGO_ENABLED=0 makes one that fits", unfit)
	}
	img, err := Packer{Runner: o.Runner, Executable: exe, CacheDir: o.CacheDir}.Pack(t.Context(), arch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

func TestKindFromNothingToNothing(t *testing.T) {
	o := realOptions(t)
	o.NodeImage = realKind(t)
	o.Profile = fmt.Sprintf("hellox-test-%d", os.Getpid())
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
		t.Error("the cluster was made, and says that it was not")
	}
	config, err := o.Runner.kubeconfigFiles().load(false)
	if err != nil {
		t.Fatal(err)
	}
	if config.CurrentContext != "mine" {
		t.Errorf("the current context is now %q", config.CurrentContext)
	}
	if config.Contexts[c.Context] == nil {
		t.Errorf("the kubeconfig has no context %s", c.Context)
	}

	// Found again, it runs and is not made again.
	again := ready(t, o)
	if again.Created || again.Nodes[0].Name != c.Nodes[0].Name {
		t.Errorf("found again: %+v", again)
	}
	t.Log(again)

	img := ownImage(t, o, again.Arch)
	node := again.Nodes[0].Name
	if has, err := again.Has(t.Context(), node, img); err != nil || has {
		t.Fatalf("before: %v, %v", has, err)
	}
	var moved, all int64
	d, err := again.Deliver(t.Context(), node, img, func(sent, of int64) { moved, all = sent, of })
	if err != nil || d.Unchanged {
		t.Fatalf("delivery: %+v, %v", d, err)
	}
	if moved != all || all == 0 {
		t.Errorf("progress ended at %d of %d bytes", moved, all)
	}
	t.Logf("delivered %d MB in %s", img.Size>>20, d.Took)
	if d, err = again.Deliver(t.Context(), node, img, nil); err != nil || !d.Unchanged {
		t.Fatalf("second delivery: %+v, %v", d, err)
	}
	if n, err := again.RemoveImages(t.Context(), img.Tag); err != nil || n != 0 {
		t.Fatalf("removed %d but the kept one, %v", n, err)
	}
	if n, err := again.RemoveImages(t.Context()); err != nil || n != 1 {
		t.Fatalf("removed %d, %v", n, err)
	}
	if has, err := again.Has(t.Context(), node, img); err != nil || has {
		t.Fatalf("after: %v, %v", has, err)
	}

	// Stopped, it is started again.
	if _, err := o.Runner.Run(t.Context(), Command{Name: string(again.found.engine), Args: []string{"stop", node}}); err != nil {
		t.Fatal(err)
	}
	if started := ready(t, o); started.Created || len(started.Nodes) != 1 {
		t.Errorf("started: %+v", started)
	}
}

func TestKindBrokenArchive(t *testing.T) {
	realKind(t)
	o := realOptions(t)
	o.Profile = os.Getenv("HELLOX_E2E_KIND")
	if o.Profile == "" {
		t.Skip("HELLOX_E2E_KIND names no cluster that runs")
	}
	c := ready(t, o)
	for name, archive := range map[string]string{"empty": "", "noise": strings.Repeat("noise\x03\n", 1000)} {
		if err := c.images.load(t.Context(), c.Nodes[0].Name, strings.NewReader(archive)); err == nil {
			t.Errorf("%s: the node took it", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}
