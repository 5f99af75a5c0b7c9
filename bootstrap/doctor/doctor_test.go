package doctor

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/kind"
	"hellox/bootstrap/minikube"
	"hellox/bootstrap/portforward"
)

func TestMain(m *testing.M) { os.Exit(bootstraptest.Main(m)) }

// optionsOf are what a doctor on l would examine.
func optionsOf(t *testing.T, l *bootstraptest.Laptop) Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stateDir, cacheDir := filepath.Join(l.Dir, "state"), filepath.Join(l.Dir, "cache")
	r := l.Runner()
	return Options{
		Runner: r, Target: cluster.Auto, StateDir: stateDir, CacheDir: cacheDir,
		Providers: []cluster.Provider{
			minikube.New(minikube.Options{Runner: r, StateDir: stateDir, CacheDir: cacheDir}),
			kind.New(kind.Options{Runner: r, StateDir: stateDir}),
		},
		Packer: image.Packer{Runner: r, Executable: self, CacheDir: cacheDir},
	}
}

// find returns the check of that name, the worst if there are several.
func find(checks []Check, name string) Check {
	var found Check
	for _, c := range checks {
		if c.Name == name && (found.Name == "" || c.Verdict == Fail || c.Verdict == Warn && found.Verdict == OK) {
			found = c
		}
	}
	return found
}

const (
	list   = "minikube profile list -o json --light"
	status = "minikube status -p minikube -o json"
)

// TestMinikubeStates judges each recorded state of a minikube profile.
func TestMinikubeStates(t *testing.T) {
	t.Parallel()
	full := bootstraptest.Node("minikube", "containerd", true)
	full.Status.Conditions = append(full.Status.Conditions,
		corev1.NodeCondition{Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue, Message: "kubelet has disk pressure"})
	for _, c := range []struct {
		name, list, kubeconfig, status string
		nodes                          []corev1.Node // of the API server that answers
		check                          string
		verdict                        Verdict
		detail, cure                   string
	}{
		{name: "no profile", list: "no-profile/profile-list-light", check: "minikube", verdict: OK, detail: "without a profile"},
		{name: "running", list: "docker-running/profile-list-light", kubeconfig: "docker-running/kubeconfig",
			nodes: []corev1.Node{bootstraptest.Node("minikube", "containerd", true)}, verdict: OK, detail: "1 node, ready"},
		{name: "a worker that is not ready", list: "docker-running/profile-list-light", kubeconfig: "docker-running/kubeconfig",
			nodes:   []corev1.Node{bootstraptest.Node("minikube", "containerd", true), bootstraptest.Node("minikube-m02", "containerd", false)},
			verdict: Warn, detail: "node minikube-m02 is not ready: cni plugin not initialized", cure: "hellox up --target minikube --profile minikube"},
		{name: "a full disk", list: "docker-running/profile-list-light", kubeconfig: "docker-running/kubeconfig",
			nodes: []corev1.Node{full}, verdict: Fail, detail: "disk pressure", cure: "kubectl --context minikube describe node minikube"},
		{name: "paused", list: "docker-paused/profile-list-light", kubeconfig: "docker-paused/kubeconfig", status: "docker-paused/status",
			verdict: Warn, detail: "it is paused", cure: "hellox up --target minikube"},
		{name: "stopped", list: "docker-stopped/profile-list-light", kubeconfig: "docker-stopped/kubeconfig", status: "docker-stopped/status",
			verdict: Warn, detail: "it is stopped", cure: "hellox up --target minikube"},
		{name: "container gone", list: "container-gone/profile-list-light", kubeconfig: "container-gone/kubeconfig", status: "container-gone/status",
			verdict: Fail, detail: "", cure: "minikube delete -p minikube"},
		{name: "a failed start", list: "docker-start-failed/profile-list", kubeconfig: "no-profile/kubeconfig", status: "docker-start-failed/status",
			verdict: Fail, cure: "minikube delete -p minikube"},
		{name: "a stale kubeconfig", list: "docker-running/profile-list-light", kubeconfig: "docker-running/kubeconfig", status: "docker-start-interrupted/status",
			verdict: Fail, cure: "minikube update-context -p minikube"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := bootstraptest.NewLaptop(t, "minikube")
			if c.nodes != nil {
				l.API("192.168.49.2").Set("", c.nodes...)
			}
			if c.kubeconfig != "" {
				l.Kubeconfig(c.kubeconfig)
			}
			l.Scene("now", bootstraptest.Play{Call: list, Recording: c.list}, bootstraptest.Play{Call: status, Recording: c.status})
			if c.check == "" {
				c.check = `minikube profile "minikube"`
			}
			checks := Examine(t.Context(), optionsOf(t, l), func(Check) {})
			got := find(checks, c.check)
			if got.Verdict != c.verdict || !strings.Contains(got.Detail, c.detail) || !strings.HasPrefix(got.Cure, c.cure) {
				t.Errorf("%+v of %+v", got, checks)
			}
			if got.Verdict != OK && got.Cure == "" {
				t.Errorf("%+v has no cure", got)
			}
			if got.Verdict == Fail && Worst(checks) != Fail {
				t.Errorf("the worst is %q", Worst(checks))
			}
		})
	}
}

// What docker is asked by kind's provider.
const ps = "docker ps -a --filter label=io.x-k8s.kind.cluster --format {{.Names}}|{{.Status}}|{{.Ports}}|{{.Label \"io.x-k8s.kind.cluster\"}}"

// TestEngine judges an engine that may not be used, one that hangs, and a kind command
// that is older than its nodes.
func TestEngine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, stderr string
		hang         bool
		kind         string // what kind version prints
		check        string
		verdict      Verdict
		detail, cure string
	}{
		{name: "no permission", stderr: "permission denied while trying to connect to the Docker daemon socket", check: "kind", verdict: Fail,
			detail: "no permission to use docker", cure: "sudo usermod -aG docker $USER"},
		{name: "not running", stderr: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", check: "kind", verdict: Fail,
			detail: "docker is not running", cure: ""},
		{name: "hanging", hang: true, check: "kind", verdict: Fail, detail: "docker ps has not answered", cure: "docker ps"},
		{name: "an old kind", kind: "kind v0.26.0 go1.23.4 linux/amd64", check: "kind command", verdict: Warn, detail: "kind v0.26.0 is older", cure: "go install sigs.k8s.io/kind@latest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := bootstraptest.NewLaptop(t, "docker", "kind")
			code := "1"
			if c.stderr == "" {
				code = "0"
			}
			for name, text := range map[string]string{"ps.stderr": c.stderr, "ps.exit": code, "version.stdout": c.kind} {
				bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, name), []byte(text), 0o600))
			}
			l.Scene("now", bootstraptest.Play{Call: ps, Recording: "ps", Hang: c.hang}, bootstraptest.Play{Call: "kind version", Recording: "version"})
			checks := Examine(t.Context(), optionsOf(t, l), func(Check) {})
			got := find(checks, c.check)
			if got.Verdict != c.verdict || !strings.Contains(got.Detail, c.detail) || !strings.HasPrefix(got.Cure, c.cure) || got.Cure == "" {
				t.Errorf("%+v of %+v", got, checks)
			}
		})
	}
}

// TestHere judges ports, folders and an unreadable kubeconfig.
func TestHere(t *testing.T) {
	t.Parallel()
	l := bootstraptest.NewLaptop(t)
	bootstraptest.Must(os.WriteFile(l.Script.Kubeconfig, []byte("\tno: yaml"), 0o600))
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	o := optionsOf(t, l)
	o.Ports = []portforward.Port{{Number: port, Flag: "--web-port"}}
	bootstraptest.Must(os.WriteFile(o.StateDir, nil, 0o600)) // where a folder should be
	checks := Examine(t.Context(), o, func(Check) {})
	for name, want := range map[string]Check{
		fmt.Sprintf("port %d", port): {Verdict: Warn, Detail: "is taken by", Cure: "hellox up --web-port 0"},
		"state folder":               {Verdict: Fail, Detail: "it is no folder", Cure: "chmod u+rwx"},
		"cache folder":               {Verdict: OK, Detail: "free"},
		"kubeconfig":                 {Verdict: Fail, Detail: "is damaged", Cure: "kubectl --kubeconfig "},
		"up":                         {Verdict: OK, Detail: "without a cluster"},
	} {
		if got := find(checks, name); got.Verdict != want.Verdict || !strings.Contains(got.Detail, want.Detail) || !strings.HasPrefix(got.Cure, want.Cure) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	o.Held = map[int]string{port: "kind-x · hellox (process 7)"}
	if got := find(Examine(t.Context(), o, func(Check) {}), fmt.Sprintf("port %d", port)); got.Verdict != OK || !strings.Contains(got.Detail, "process 7") {
		t.Errorf("a port that an installation holds: %+v", got)
	}
	for free, want := range map[uint64]Verdict{100 << 20: Fail, 1 << 30: Warn, 5 << 30: OK} {
		if got := room("disk", "/x", "/x", free); got.Verdict != want {
			t.Errorf("%d bytes: %+v", free, got)
		}
	}
}
