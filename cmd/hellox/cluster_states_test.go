//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hellox/bootstrap/bootstraptest"
)

// A clusterState is a state of this machine's clusters, and what hellox says in it.
type clusterState struct {
	name       string
	tools      map[string]string // scripts
	kubeconfig string            // its text; "": none
	environ    []string
	args       string
	code       int
	want       []string // on stderr
}

// recordedMinikube is the script of a minikube with one profile, whose list and status
// are recordings.
func recordedMinikube(t *testing.T, list, status string) string {
	path := filepath.Join(bootstraptest.Recordings(t), status)
	_, code := bootstraptest.Recorded(t, status)
	return fmt.Sprintf(`case "$*" in
"profile list -o json --light") /bin/cat %s.stdout ;;
"status -p minikube -o json") /bin/cat %s.stdout; /bin/cat %s.stderr >&2 2>/dev/null; exit %d ;;
*) echo "unexpected: $*" >&2; exit 97 ;;
esac`, filepath.Join(bootstraptest.Recordings(t), list), path, path, code)
}

// fullMinikube is the same of a profile whose disk is full, which is not recorded.
func fullMinikube(t *testing.T) string {
	return fmt.Sprintf(`case "$1" in
profile) /bin/cat %s.stdout ;;
status) echo '{"Name":"minikube","Host":"InsufficientStorage","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured"}'; exit 1 ;;
esac`, filepath.Join(bootstraptest.Recordings(t), "docker-running/profile-list-light"))
}

// says is the script of a tool that writes text to stderr and fails.
func says(text string) string { return fmt.Sprintf("echo '%s' >&2; exit 1", text) }

// lists is the script of a docker, podman or nerdctl with kind's containers.
func lists(lines ...string) string {
	return fmt.Sprintf("case \"$1\" in ps) printf '%%s\\n' '%s' ;; -v) echo Docker version 28 ;; *) exit 1 ;; esac", strings.Join(lines, "' '"))
}

func minikubeStates(t *testing.T) []clusterState {
	minikube := func(list, status string) map[string]string {
		return map[string]string{"minikube": recordedMinikube(t, list, status)}
	}
	const to = "up --target minikube --dry-run"
	return []clusterState{
		{name: "minikube missing", args: to, code: exitMissing, want: []string{"minikube is not installed"}},
		{name: "minikube without a profile", tools: minikube("no-profile/profile-list-light", "no-profile/status"), args: to,
			want: []string{`minikube profile "minikube": minikube is installed and has no profile`}},
		{name: "minikube stopped", tools: minikube("docker-stopped/profile-list-light", "docker-stopped/status"), args: to,
			want: []string{`minikube profile "minikube": it is stopped and will be started`}},
		{name: "minikube paused", tools: minikube("docker-paused/profile-list-light", "docker-paused/status"), args: to,
			want: []string{`minikube profile "minikube": it is paused and will be unpaused`}},
		{name: "minikube's container removed", tools: minikube("container-gone/profile-list-light", "container-gone/status"), args: to, code: exitMissing,
			want: []string{`minikube profile "minikube" is there, and its container was removed`, "hint: minikube delete -p minikube"}},
		// As cli.md has it: what cannot be used is no profile to start, and the one that
		// cannot be created does not hold up a kind cluster. But it is said.
		{name: "minikube's container removed, and no target", args: "up --dry-run",
			tools: map[string]string{"minikube": recordedMinikube(t, "container-gone/profile-list-light", "container-gone/status"), "docker": lists(), "kind": "exit 1"},
			want:  []string{`minikube profile "minikube" is there, and its container was removed`, "passed over: minikube delete -p minikube", `kind cluster "hellox": kind is installed and has no cluster`}},
		{name: "minikube's container removed, and nothing else", args: "up --dry-run", code: exitMissing,
			tools: minikube("container-gone/profile-list-light", "container-gone/status"),
			want:  []string{`minikube profile "minikube" is there, and its container was removed`, "hint: minikube delete -p minikube"}},
		{name: "minikube fails, and no target", args: "up --dry-run",
			tools: map[string]string{"minikube": says("panic: no"), "docker": lists("a-control-plane|Exited (130) 2 days ago||a")},
			want:  []string{"minikube does not list its profiles", "passed over: minikube profile list", `kind cluster "a": it is stopped and will be started`}},
		{name: "minikube half made", tools: minikube("docker-start-failed/profile-list", "docker-start-failed/status"), args: to, code: exitMissing,
			want: []string{`minikube profile "minikube" is incomplete`, "hint: minikube delete -p minikube"}},
		{name: "minikube's kubeconfig stale", tools: minikube("docker-running/profile-list-light", "docker-start-interrupted/status"), args: to, code: exitMissing,
			kubeconfig: "contexts:\n- name: minikube\n  context: {cluster: minikube, user: u}\n",
			want:       []string{`minikube profile "minikube" runs, and the kubeconfig has another address for it`, "hint: minikube update-context -p minikube"}},
		{name: "minikube's disk full", tools: map[string]string{"minikube": fullMinikube(t)}, args: to, code: exitMissing,
			want: []string{`the disk of minikube profile "minikube" is full`, "hint: minikube ssh -p minikube"}},
		{name: "minikube fails", tools: map[string]string{"minikube": says("panic: no")}, args: to, code: exitMissing,
			want: []string{"minikube does not list its profiles: its answer is not JSON; minikube: panic: no", "hint: minikube profile list"}},
		{name: "minikube's context leads elsewhere", tools: minikube("docker-running/profile-list-light", "docker-running/status"), args: to, code: exitUnsafe,
			kubeconfig: minikubeEntry("https://prod.example.org:8443"), want: []string{"refused: not proven to be minikube profile", "prod.example.org:8443"}},
	}
}

// minikubeEntry is a kubeconfig with minikube's mark on any server.
func minikubeEntry(server string) string {
	return "contexts:\n- name: minikube\n  context: {cluster: minikube, user: u}\nclusters:\n- name: minikube\n  cluster:\n    server: " + server +
		"\n    extensions:\n    - name: cluster_info\n      extension: {provider: minikube.sigs.k8s.io}\n"
}

func kindStates() []clusterState {
	docker := func(script string) map[string]string { return map[string]string{"docker": script} }
	const (
		to     = "up --target kind --dry-run"
		denied = `permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/containers/json": dial unix /var/run/docker.sock: connect: permission denied`
		down   = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
		a      = "a-control-plane|Exited (130) 2 days ago||a"
	)
	return []clusterState{
		{name: "no engine", args: to, code: exitMissing, want: []string{"no container engine is installed", "hint: install Docker or Podman"}},
		{name: "docker not running", tools: docker(says(down)), args: to, code: exitMissing, want: []string{"docker is not running", "hint: "}},
		{name: "no permission", tools: docker(says(denied)), args: to, code: exitMissing, want: []string{"no permission to use docker", "hint: "}},
		{name: "DOCKER_HOST elsewhere", tools: docker(lists(a)), environ: []string{"DOCKER_HOST=ssh://ann@farm.example.org"}, args: to, code: exitUnsafe,
			want: []string{"docker is on another machine: DOCKER_HOST is ssh://ann@farm.example.org", "hint: unset DOCKER_HOST"}},
		{name: "after minikube docker-env", tools: docker(lists(a)), args: to,
			environ: []string{"DOCKER_HOST=tcp://192.168.49.2:2376", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/nope", "MINIKUBE_ACTIVE_DOCKERD=minikube"},
			want:    []string{`kind cluster "a": it is stopped and will be started`}},
		{name: "kind stopped", tools: docker(lists(a)), args: to, want: []string{`kind cluster "a": it is stopped and will be started`}},
		{name: "kind paused", tools: docker(lists("a-control-plane|Up 2 days (Paused)|127.0.0.1:1->6443/tcp|a")), args: to, want: []string{`kind cluster "a": it is paused and will be unpaused`}},
		{name: "a worker stopped", tools: docker(lists("a-control-plane|Up 2 days|127.0.0.1:1->6443/tcp|a", "a-worker|Exited (0) 1 second ago||a")), args: to,
			want: []string{`kind cluster "a": it runs without a-worker, to be started`}},
		{name: "control plane removed", tools: docker(lists("a-worker|Up 2 days||a")), args: to, code: exitMissing,
			want: []string{`kind cluster "a" has lost its control plane`, "hint: kind delete cluster --name a"}},
		{name: "no kind cluster", tools: docker(lists()), args: to, want: []string{`kind cluster "hellox": kind is installed and has no cluster`}},
		{name: "several clusters", tools: docker(lists(a, "b-control-plane|Exited (130) 2 days ago||b")), args: to, code: exitUsage,
			want: []string{"several kind clusters are stopped: a, b", "hint: hellox up --target kind --profile a"}},
		{name: "podman", tools: map[string]string{"podman": lists(a)}, environ: []string{"KIND_EXPERIMENTAL_PROVIDER=podman"}, args: to, want: []string{`kind cluster "a": it is stopped`}},
		{name: "nerdctl", tools: map[string]string{"nerdctl": lists(a)}, environ: []string{"KIND_EXPERIMENTAL_PROVIDER=nerdctl"}, args: to, want: []string{`kind cluster "a": it is stopped`}},
		{name: "podman not running", tools: map[string]string{"podman": says("Cannot connect to Podman. Please verify your connection")}, args: to, code: exitMissing, want: []string{"podman is not running"}},
		{name: "an unknown engine", tools: docker(lists(a)), environ: []string{"KIND_EXPERIMENTAL_PROVIDER=lxc"}, args: to, code: exitUsage, want: []string{`KIND_EXPERIMENTAL_PROVIDER names no container engine of kind's: "lxc"`}},
		{name: "kind's context leads elsewhere", tools: docker(lists("a-control-plane|Up 2 days|127.0.0.1:1->6443/tcp|a")), args: to, code: exitUnsafe,
			kubeconfig: "clusters:\n- name: c\n  cluster: {server: 'https://192.0.2.7:6443'}\ncontexts:\n- name: kind-a\n  context: {cluster: c, user: u}\n",
			want:       []string{"refused: not proven to be kind cluster \"a\"", "192.0.2.7:6443"}},
		{name: "nothing at all", args: "up --dry-run", want: []string{"all in one process: no minikube, no container engine"}},
		{name: "docker not running, and no target", tools: docker(says(denied)), args: "up --dry-run", want: []string{"all in one process: no minikube, no permission to use docker"}},
		{name: "kubeconfig damaged", tools: docker(lists()), kubeconfig: "contexts: [", args: "up --target kind", code: exitMissing, want: []string{"the kubeconfig ", " is damaged: ", "hint: "}},
	}
}

// In every state of a cluster up works, or says in at most two lines of 80 columns what
// is wrong, and then what to type.
func TestClusterStates(t *testing.T) {
	t.Parallel()
	for _, s := range append(minikubeStates(t), kindStates()...) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := s.home(t)
			began := time.Now()
			_, errs, code := h.command(t, strings.Fields(s.args)...)
			if took := time.Since(began); took > 3*time.Minute { // a hang guard
				t.Errorf("it took %s", took)
			}
			if code != s.code {
				t.Errorf("exit %d, want %d", code, s.code)
			}
			inOrder(t, errs, s.want...)
			for i, line := range strings.Split(errs, "\n") {
				line = strings.ReplaceAll(line, filepath.Dir(h.root), "/home/ann")
				if limit := 80; i == 0 && s.code == 0 && len([]rune(line)) > limit {
					t.Errorf("the first line has %d columns: %s", len([]rune(line)), line)
				}
				if strings.HasPrefix(line, "hellox: ") && len([]rune(line)) > 160 || strings.HasPrefix(line, "hint: ") && len([]rune(line)) > 160 {
					t.Errorf("more than two lines: %s", line)
				}
			}
			if code != 0 && !strings.Contains(errs, "hint: ") {
				t.Errorf("no hint: %s", errs)
			}
		})
	}
}

// TestUpHintsAsTyped: who types what a hint of up says gets what was asked for first. The
// size of a cluster could not be changed afterwards.
func TestUpHintsAsTyped(t *testing.T) {
	t.Parallel()
	const a, b = "a-control-plane|Exited (130) 2 days ago||a", "b-control-plane|Exited (130) 2 days ago||b"
	kind := map[string]string{"docker": lists(a, b)}
	for args, hint := range map[string]string{
		"--web-port 5 --mqtt-port 5 --cluster-size 3":                               "hellox up --cluster-size 3 --web-port 0 --mqtt-port 0",
		"--web-port 5 --mqtt-port 5 --kustomize ./a$b --profile a --broadcasters 0": "hellox up --profile a --broadcasters 0 --kustomize './a$b' --web-port 0 --mqtt-port 0",
		"--watch --dry-run --cluster-size 3 --build x=./x --build y=./y":            "hellox up --cluster-size 3 --build 'x=./x' --build 'y=./y' --watch",
		"--target minikube --node-image n --cluster-size 3 --namespace two":         "hellox up --target kind --namespace two --cluster-size 3 --node-image n",
		"--target local --cluster-size 3 --broadcasters 4":                          "hellox up --target kind --cluster-size 3 --broadcasters 4, or leave it out",
		"--target kind --dry-run":                                                   "hellox up --target kind --profile a",
		"--target kind --dry-run --web-port 7":                                      "hellox up --web-port 7 --target kind --profile a",
		"--target kind --dry-run --cluster-size 3 --namespace two --broadcasters 4": "hellox up --namespace two --cluster-size 3 --broadcasters 4 --target kind --profile a",
	} {
		_, errs, code := clusterState{tools: kind}.home(t).command(t, append([]string{"up"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.HasSuffix(errs, "\nhint: "+hint+"\n") {
			t.Errorf("up %s: exit %d, want the hint %s:\n%s", args, code, hint, errs)
		}
	}
}

// home is a machine in that state.
func (s clusterState) home(t *testing.T) home {
	t.Helper()
	h := newHome(t)
	for name, script := range s.tools {
		h.install(t, script, name)
	}
	kubeconfig := filepath.Join(filepath.Dir(h.root), "kubeconfig")
	if s.kubeconfig != "" {
		if err := os.WriteFile(kubeconfig, []byte("apiVersion: v1\nkind: Config\n"+s.kubeconfig), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.env = append(append(h.env, "KUBECONFIG="+kubeconfig, "DOCKER_HOST=", "KIND_EXPERIMENTAL_PROVIDER="), s.environ...)
	return h
}

// A current context of a production cluster is neither asked nor changed, whatever is
// found besides.
func TestCurrentContextIsNotAsked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	prod, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer prod.Close()
	go func() {
		for {
			c, err := prod.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			c.Close()
		}
	}()
	kubeconfig := "current-context: prod\nclusters:\n- name: prod\n  cluster: {server: 'https://" + prod.Addr().String() + "', insecure-skip-tls-verify: true}\n" +
		"contexts:\n- name: prod\n  context: {cluster: prod, user: u}\nusers:\n- name: u\n  user: {token: secret}\n"
	h := clusterState{name: "production", kubeconfig: kubeconfig, tools: map[string]string{"docker": lists("a-control-plane|Exited (130) 2 days ago||a")}}.home(t)
	for _, args := range []string{"up --dry-run", "up --target kind --dry-run", "status", "down", "watch -n 1"} {
		h.command(t, strings.Fields(args)...)
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("it was asked %d times", n)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(h.root), "kubeconfig"))
	if err != nil || !strings.HasSuffix(string(text), kubeconfig) {
		t.Errorf("the kubeconfig was changed: %v\n%s", err, text)
	}
}

// record puts an installation on record whose forwards no process holds.
func (h home) record(t *testing.T, target, profile string) {
	t.Helper()
	dir := filepath.Join(h.root, target+"."+profile+".hellox")
	text := fmt.Sprintf(`{"version":2,"target":%q,"profile":%q,"namespace":"hellox"}`, target, profile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "record.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Where its cluster is stopped, paused or gone an installation is not running, and where
// that cannot be told it is unknown; watch, open, publish and tell say the same, soon.
func TestInstallationWithoutItsCluster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, containers, state, cause, hint string }{
		{"stopped", "a-control-plane|Exited (130) 2 days ago||a", "not running", "its cluster is stopped", "hint: hellox up --target kind --profile a"},
		{"paused", "a-control-plane|Up 2 days (Paused)|127.0.0.1:1->6443/tcp|a", "not running", "its cluster is paused", "hint: hellox up --target kind --profile a"},
		{"gone", "", "not running", "its cluster no longer exists", "hint: hellox up --target kind --profile a"},
		{"silent", "a-control-plane|Up 2 days|127.0.0.1:1->6443/tcp|a", "unknown", `kind cluster "a" runs and cannot be asked`, "hint: docker restart a-control-plane"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := clusterState{name: c.name, tools: map[string]string{"docker": lists(c.containers)}}.home(t)
			h.record(t, "kind", "a")
			out, errs, code := h.command(t, "status")
			if code != 0 || !strings.HasPrefix(out, "kind-a · hellox  "+c.state+"\n  "+c.cause) || strings.Contains(out, "received") {
				t.Errorf("status: exit %d: %s%s", code, out, errs)
			}
			out, _, _ = h.command(t, "status", "--output", "json")
			if !strings.Contains(out, fmt.Sprintf(`"state":%q,"running":false`, c.state)) || strings.Contains(out, "stats") {
				t.Errorf("status --output json: %s", out)
			}
			for _, args := range []string{"watch -n 1", "open", "publish hi", "tell broadcast-0 identify"} {
				if _, errs, code := h.command(t, strings.Fields(args)...); code != exitMissing || !strings.Contains(errs, c.cause) || !strings.Contains(errs, c.hint) {
					t.Errorf("%s: exit %d: %s", args, code, errs)
				}
			}
		})
	}
}

// clusterWithPod is a machine with a kind cluster, other containers of it besides (a
// worker, where the pod is then), and an installation of one pod, which waits for the reason in pods; "none": there is none.
func clusterWithPod(t *testing.T, pods *atomic.Value, others ...string) (h home) {
	t.Helper()
	on := "a-control-plane"
	if len(others) > 0 {
		on = "a-worker"
	}
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		items := []any{}
		labels := map[string]any{"hellox.local/installation": "hellox", "app.kubernetes.io/component": "receive"}
		switch {
		case strings.HasSuffix(r.URL.Path, "/nodes"):
			items = append(items, bootstraptest.Node("a-control-plane", "containerd", true))
		case pods.Load() == "none":
		case strings.HasSuffix(r.URL.Path, "/deployments"):
			items = append(items, map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "receive", "labels": labels}, "spec": map[string]any{"replicas": 1}})
		case strings.HasSuffix(r.URL.Path, "/pods"):
			items = append(items, map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "receive-1", "labels": labels},
				"spec": map[string]any{"nodeName": on, "containers": []any{map[string]any{"name": "receive"}}}, "status": map[string]any{"phase": "Pending", "containerStatuses": []any{
					map[string]any{"name": "receive", "state": map[string]any{"waiting": map[string]any{"reason": pods.Load()}}}}}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	}))
	t.Cleanup(api.Close)
	_, port, err := net.SplitHostPort(api.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	h = clusterState{
		name: "running", tools: map[string]string{"docker": lists(append(others, "a-control-plane|Up 2 days|127.0.0.1:"+port+"->6443/tcp|a")...)},
		kubeconfig: "clusters:\n- name: c\n  cluster: {server: 'https://127.0.0.1:" + port + "', insecure-skip-tls-verify: true}\ncontexts:\n- name: kind-a\n  context: {cluster: c, user: u}\n",
	}.home(t)
	h.record(t, "kind", "a")
	return h
}

// A node that docker knows to be stopped is named before Kubernetes notices, which still
// calls its pods ready.
func TestStoppedNodeIsTold(t *testing.T) {
	t.Parallel()
	var pods atomic.Value
	pods.Store("ContainerCreating")
	h := clusterWithPod(t, &pods, "a-worker|Exited (137) 1 second ago||a")
	if out, errs, _ := h.command(t, "status"); !strings.Contains(out, "hellox  not ready\n  a-worker of its cluster is stopped") {
		t.Errorf("status: %s%s", out, errs)
	}
	if _, errs, _ := h.command(t, "down", "--timeout", "4s"); !strings.Contains(errs, "a-worker of kind cluster \"a\" (1 node, v1.34.4) is stopped") {
		t.Errorf("down: %s", errs)
	}
}

// A cluster without the installation that is on record says so at once, and a pod that
// is starting is named and waited for.
func TestInstallationThatIsNotThere(t *testing.T) {
	t.Parallel()
	var pods atomic.Value
	pods.Store("none")
	h := clusterWithPod(t, &pods)
	for _, args := range []string{"watch -n 1", "open", "publish hi", "tell broadcast-0 identify"} {
		_, errs, code := h.command(t, strings.Fields(args)...)
		if code != exitMissing || !strings.Contains(errs, "hellox: find the stream: nothing is up in kind-a · hellox\nhint: hellox up --target kind --profile a") {
			t.Errorf("%s: exit %d: %s", args, code, errs)
		}
	}
	pods.Store("ContainerCreating")
	watch := startProcessIn(t, h.env, t.TempDir(), "watch", "watch", "-n", "1")
	until(t, "it waits", func() bool {
		log, _ := os.ReadFile(watch.log)
		return strings.Contains(string(log), "waiting: pod receive-1 is starting")
	})
	pods.Store("none")
	until(t, "it ends", func() bool {
		select {
		case <-watch.done:
			return true
		default:
			return false
		}
	})
	if log, _ := os.ReadFile(watch.log); !strings.Contains(string(log), "nothing is up in kind-a") {
		t.Errorf("it says %s", log)
	}
}
