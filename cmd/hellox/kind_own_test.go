package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// example copies the example of docs/own-manifests.md into a folder of that name. In the
// place of the user's program is hellox.
func (r *kindRig) example(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = filepath.Join(r.dir, name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(r.source, "docs", "examples", "press"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "press")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.Link(r.hellox, filepath.Join(dir, "press")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// testKindOwn runs the example of docs/own-manifests.md: manifests and an image that
// are the user's own, built again when they change, and gone after down.
func testKindOwn(t *testing.T, r *kindRig) {
	dir := r.example(t, "press")
	selected := []string{"--target", "kind", "--profile", r.cluster, "--namespace", "hellox-own"}
	up := r.foreground(t, r.program(r.hellox, append([]string{"up", "--kustomize", dir, "--build", "press=" + dir, "--watch", "--web-port", "0", "--mqtt-port", "0"}, selected...)...))
	up.wait(t, "• watching ")
	out, _ := r.run(t, append([]string{"watch", "-n", "1", "--output", "json", "--filter", "topic:hello_world/press"}, selected...)...)
	contains(t, "the stream", out, `"stamped"`)

	dockerfile := filepath.Join(dir, "Dockerfile")
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	change := func(to string) {
		t.Helper()
		if err := os.WriteFile(dockerfile, []byte(to), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change(string(text) + "COPY absent /\n")
	up.wait(t, `✗ .* build press: .*Dockerfile, line 7, COPY absent /: .*what ran before still runs`)
	change(strings.Replace(string(text), `"stamped"`, `"pressed"`, 1))
	up.wait(t, `✓ .* press rolled out, first message of hello_world/press after \d+\.\d s`)
	out, _ = r.run(t, append([]string{"watch", "-n", "1", "--output", "json", "--filter", "topic:hello_world/press"}, selected...)...)
	contains(t, "the stream after a change", out, `"pressed"`)
	t.Log(up.said(t))
	if err := up.interrupt(t); err != nil {
		t.Errorf("up --watch, interrupted: %v", err)
	}
	if images := r.podImages(t, "hellox-own"); !strings.Contains(strings.Join(images, " "), "hellox.local/built/press:") {
		t.Errorf("the pods run %v", images)
	}
	r.run(t, append([]string{"down"}, selected...)...)
	if on := r.onNode(t, "ctr", "-n", "k8s.io", "images", "ls", "-q"); strings.Contains(on, "hellox.local/built/press") {
		t.Errorf("down left an image on the node:\n%s", on)
	}
	here, _ := r.do(t, r.program("docker", "images", "-q", "hellox.local/built/press"))
	if strings.TrimSpace(here) != "" {
		t.Errorf("down left images in this machine's engine: %s", here)
	}
}
