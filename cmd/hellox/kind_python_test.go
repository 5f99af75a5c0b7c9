package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hellox/stream"
)

// testKindPython has the example of docs/own-manifests.md for a program in Python run in
// a pod: it is built by up and comes in by the component client, with TLS and its
// token. Beside it are the components for clients and browsers outside of the cluster.
func testKindPython(t *testing.T, r *kindRig) {
	dir := filepath.Join(r.dir, "ears")
	r.run(t, "manifests", "--eject", dir)
	if err := os.Remove(filepath.Join(dir, "kustomization.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(r.source, "docs", "examples", "ears"))); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(dir, "ears.py"))
	if err != nil {
		t.Fatal(err)
	}
	kustomization := filepath.Join(dir, "kustomization.yaml")
	text, err := os.ReadFile(kustomization)
	if err == nil {
		more := "components: [components/mqtt-nodeport, components/page-nodeport, "
		err = os.WriteFile(kustomization, []byte(strings.Replace(string(text), "components: [", more, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	authority := r.certifyPage(t)
	image := r.pythonImage(t, "ears", string(program))
	_, said := r.run(t, r.up("--kustomize", dir, "--build", "ears="+image)...)
	t.Log(said)
	until(t, "the page has what the program in Python says", func() bool {
		return slices.ContainsFunc(r.messages(t, 0, map[string][]string{"topic": {"hello_world/client/ears"}}), func(m stream.Message) bool {
			return strings.HasPrefix(string(m.Payload), "heard broadcast-")
		})
	})
	logs := r.kubectl(t, "-n", "hellox", "logs", "deployment/ears")
	contains(t, "the program in Python", logs, "connected: ")
	t.Log(logs)
	pod := r.kubectl(t, "-n", "hellox", "get", "pods", "-l", "app=ears", "-o", "jsonpath={.items[0].metadata.name}")
	t.Run("MQTT by the node's port", func(t *testing.T) { testKindMQTTNodePort(t, r, pod) })
	t.Run("the page by the node's port", func(t *testing.T) { testKindPageNodePort(t, r, authority) })
	// The running pod keeps what it has mounted; the next up is one without the component,
	// and down would leave the Secret, and so the namespace.
	r.kubectl(t, "-n", "hellox", "delete", "secret", "page-tls")
}

// pythonImage writes what an image of a program in Python is built from. The registry's
// image of Python is not to be had everywhere: this machine's Python is.
func (r *kindRig) pythonImage(t *testing.T, name, program string) (dir string) {
	t.Helper()
	dir = filepath.Join(r.dir, name+"-image")
	r.copyPython(t, filepath.Join(dir, "root"))
	const dockerfile = "FROM scratch\nCOPY root /\nCOPY program.py /program.py\nUSER 65532:65532\nENTRYPOINT [\"/python3\", \"/program.py\"]\n"
	for file, text := range map[string]string{"program.py": program, "Dockerfile": dockerfile} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// library is a shared library that ldd names.
var library = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// copyPython copies this machine's Python with what it needs for TLS and paho, as the
// root of an image.
func (r *kindRig) copyPython(t *testing.T, root string) {
	t.Helper()
	const ask = `
import json, os, sys, sysconfig, paho
print(json.dumps([os.path.realpath(sys.executable), sysconfig.get_path("stdlib"), list(paho.__path__)[0]]))`
	out, _ := r.do(t, r.program(r.python, "-c", ask))
	var at []string
	if err := json.Unmarshal([]byte(out), &at); err != nil {
		t.Fatal(err)
	}
	executable, standard, paho := at[0], at[1], at[2]
	copyFile(t, executable, filepath.Join(root, executable))
	modules, err := filepath.Glob(filepath.Join(standard, "lib-dynload", "*.so"))
	if err != nil || len(modules) == 0 {
		t.Fatalf("Python has no modules below %s: %v", standard, err)
	}
	linked, _ := exec.Command("ldd", append(modules, executable)...).CombinedOutput()
	for _, m := range library.FindAllStringSubmatch(string(linked), -1) {
		copyFile(t, m[1], filepath.Join(root, m[1]))
	}
	without := []string{"test", "idlelib", "tkinter", "lib2to3", "ensurepip", "__pycache__", "site-packages", "dist-packages", "turtledemo", "pydoc_data"}
	copyFolder(t, standard, filepath.Join(root, standard), without)
	copyFolder(t, paho, filepath.Join(root, standard, "paho"), without)
	if err := os.Symlink(executable, filepath.Join(root, "python3")); err != nil {
		t.Fatal(err)
	}
}

func copyFolder(t *testing.T, from, to string, without []string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		info, err := os.Stat(source) // what a link points to
		switch {
		case err != nil || slices.Contains(without, e.Name()) || strings.HasPrefix(e.Name(), "config-"):
		case info.IsDir():
			copyFolder(t, source, target, without)
		case info.Mode().IsRegular():
			copyFile(t, source, target)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
