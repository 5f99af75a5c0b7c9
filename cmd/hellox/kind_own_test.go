package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// testKindOwn runs the example of docs/own-manifests.md: manifests and an image that
// are the user's own, built again when they change, and gone after down.
func testKindOwn(t *testing.T, r *kindRig) {
	dir := filepath.Join(r.dir, "press")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(r.source, "docs", "examples", "press"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "press")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.Link(r.hellox, filepath.Join(dir, "press")); err != nil {
		t.Fatal(err)
	}
	selected := []string{"--target", "kind", "--profile", r.cluster, "--namespace", "hellox-own"}
	up := r.program(r.hellox, append([]string{"up", "--kustomize", dir, "--build", "press=" + dir, "--watch", "--web-port", "0", "--mqtt-port", "0"}, selected...)...)
	log, err := os.Create(filepath.Join(r.dir, "watch.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	up.Stdout, up.Stderr = log, log
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- up.Wait() }()
	said := func() string {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	wait := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); !regexp.MustCompile(what).MatchString(said()); time.Sleep(50 * time.Millisecond) {
			if len(ended) > 0 || time.Now().After(deadline) {
				t.Fatalf("up --watch did not say %q:\n%s", what, said())
			}
		}
	}
	wait("• watching ")
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
	wait(`✗ .* build press: .*Dockerfile, line 7, COPY absent /: .*what ran before still runs`)
	change(strings.Replace(string(text), `"stamped"`, `"pressed"`, 1))
	wait(`✓ .* press rolled out, first message of hello_world/press after \d+\.\d s`)
	out, _ = r.run(t, append([]string{"watch", "-n", "1", "--output", "json", "--filter", "topic:hello_world/press"}, selected...)...)
	contains(t, "the stream after a change", out, `"pressed"`)
	t.Log(said())

	if err := up.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("up --watch does not end:\n%s", said())
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
