package cluster

import (
	"context"
	"io"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/image"
	"hellox/bootstrap/run"
)

// What the runtimes' commands print on nodes that are containers.
func TestImagesThroughTheEngine(t *testing.T) {
	img := image.Identity{Name: image.Repository + ":3333333333333333", ID: "sha256:1d824e7cc7a65220e5ded2a9f5af33cfec410f132552dcbeb5bd888491755cd5"}
	ask := "docker exec boxed sh -c " + inspectScript + " sh " + img.Name
	list := "docker exec boxed sh -c " + listScript
	load := "docker exec -i boxed sh -c " + loadScript("containerd") + " sh " + img.Name
	for name, c := range map[string]struct {
		recording string
		has       bool
		problem   string
	}{
		"crictl has it, containerd": {"containerd-running-images/ssh-crictl-inspecti", true, ""},
		"crictl has it, docker":     {"docker-running-images/ssh-crictl-inspecti", true, ""},
		"crictl has another":        {"two-nodes-running/ssh-node-2-crictl-inspecti", false, ""},
		"absent, containerd":        {"containerd-running-images/ssh-crictl-inspecti-absent", false, ""},
		"absent, docker":            {"docker-running-images/ssh-crictl-inspecti-absent", false, ""},
		"no answer":                 {"containerd-running-images/ctr-import-broken-empty", false, "unrecognized image format"},
	} {
		l := bootstraptest.NewLaptop(t, "docker")
		l.Scene("now", bootstraptest.Play{Call: ask, Recording: c.recording})
		images := RuntimeImages{Shell: EngineShell{Runner: l.Runner(), Engine: "docker"}, Runtime: "containerd"}
		has, err := images.Has(t.Context(), "boxed", img)
		if has != c.has || (err != nil) != (c.problem != "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %t, %v", name, has, err)
		}
	}
	for recording, want := range map[string]string{
		"containerd-running-images/ssh-crictl-inspecti":         "confirmed",
		"containerd-running-images/ssh-crictl-inspecti-absent":  "",
		"two-nodes-running/ssh-node-2-crictl-inspecti":          "",
		"containerd-running-images/ctr-import-broken-empty":     "docker: ctr: unrecognized image format",
		"containerd-running-images/ctr-import-broken-noise":     "docker: ctr: archive/tar: invalid tar header",
		"containerd-running-images/ctr-import-broken-truncated": `docker: ctr: failed to ingest "layer.tar": failed to read expected number of bytes: unexpected EOF`,
	} {
		l := bootstraptest.NewLaptop(t, "docker")
		l.Scene("now", bootstraptest.Play{Call: load, Recording: recording})
		images := RuntimeImages{Shell: EngineShell{Runner: l.Runner(), Engine: "docker"}, Runtime: "containerd"}
		confirmed, err := images.Load(t.Context(), "boxed", img, strings.NewReader("an archive"))
		got := ""
		if confirmed {
			got = "confirmed"
		}
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", recording, got, want)
		}
	}
	for recording, want := range map[string]int{"containerd-running-images/ssh-crictl-images": 3, "containerd-paused/ssh-crictl-images": 1} {
		l := bootstraptest.NewLaptop(t, "docker")
		l.Scene("now", bootstraptest.Play{Call: list, Recording: recording})
		images := RuntimeImages{Shell: EngineShell{Runner: l.Runner(), Engine: "docker"}, Runtime: "containerd"}
		if names, err := images.List(t.Context(), "boxed", "hellox.test/hellox"); err != nil || len(names) != want {
			t.Errorf("%s: %q, %v", recording, names, err)
		}
	}
}

// countingShell counts the commands that it hands on.
type countingShell struct {
	Shell
	commands *int
}

func (s countingShell) Run(ctx context.Context, node string, stdin io.Reader, command ...string) (run.Output, error) {
	*s.commands++
	return s.Shell.Run(ctx, node, stdin, command...)
}

// TestLoadCommands loads with two commands, of which each costs the time to begin a
// process in a container: one asks for the image, and one loads it and asks again.
func TestLoadCommands(t *testing.T) {
	m, asked, commands := newMachine(t), 0, 0
	images, err := m.images(&asked, "containerd")(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted := images.(RuntimeImages)
	counted.Shell = countingShell{counted.Shell, &commands}
	c := &Cluster{images: func(context.Context) (NodeImages, error) { return counted, nil }}
	loaded, err := c.Load(t.Context(), "boxed", bootstraptest.PackBytes(t, "an executable", "amd64"))
	if err != nil || !loaded || commands != 2 {
		t.Errorf("loaded %t with %d commands, %v", loaded, commands, err)
	}
}

func TestInspected(t *testing.T) {
	img := image.Identity{Name: image.Repository + ":3333333333333333", ID: "sha256:1d824e7cc7a65220e5ded2a9f5af33cfec410f132552dcbeb5bd888491755cd5"}
	for _, recording := range []string{"docker-running-images/ssh-crictl-inspecti", "containerd-running-images/ssh-crictl-inspecti"} {
		out, _ := bootstraptest.Recorded(t, recording)
		if is, err := isInspected(img, out.Stdout); err != nil || !is {
			t.Errorf("%s: %t, %v", recording, is, err)
		}
		other := image.Identity{Name: img.Name, ID: "sha256:" + strings.Repeat("0", 64)}
		if is, err := isInspected(other, out.Stdout); err != nil || is {
			t.Errorf("%s has the tag with other content: %t, %v", recording, is, err)
		}
		// The id of Docker's containerd store is a manifest's.
		other.DiffIDs = []string{"sha256:370c9ebcb83dcb3407e9bcab056f81b3bef6786ac3aeea1e3107ee2c4dd2851c"}
		if is, err := isInspected(other, out.Stdout); err != nil || !is {
			t.Errorf("%s: the layer is there: %t, %v", recording, is, err)
		}
	}
	out, _ := bootstraptest.Recorded(t, "two-nodes-running/ssh-node-2-crictl-inspecti")
	if is, err := isInspected(img, out.Stdout); err != nil || is {
		t.Errorf("on the second node: %t, %v", is, err)
	}
}

func TestCrictlImages(t *testing.T) {
	for recording, want := range map[string]int{
		"docker-running-images/ssh-crictl-images": 3, "docker-running-images/ssh-external-crictl-images": 3,
		"containerd-running-images/ssh-crictl-images": 3, "containerd-running-images/ssh-external-crictl-images": 3,
		"containerd-paused/ssh-crictl-images": 1,
	} {
		out, _ := bootstraptest.Recorded(t, recording)
		names, err := crictlImages(out.Stdout)
		if err != nil {
			t.Errorf("%s: %v", recording, err)
		}
		n := 0
		for _, name := range names {
			if strings.HasPrefix(name, "hellox.test/hellox:") {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d of ours in %q", recording, n, names)
		}
	}
}
