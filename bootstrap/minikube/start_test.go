package minikube

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
)

// ready finds and starts what is there.
func (l *laptop) ready(ctx context.Context) (cluster.Found, *cluster.Cluster, error) {
	l.T.Helper()
	f, err := l.found(ctx)
	if err != nil {
		return f, nil, err
	}
	c, err := f.Start(ctx, func(step string) { l.T.Log(step) })
	return f, c, err
}

func (l *laptop) currentContext() string {
	l.T.Helper()
	return l.userConfig().CurrentContext
}

// markerLeft reports whether the marker of a creation is left.
func (l *laptop) markerLeft() bool {
	left, err := filepath.Glob(filepath.Join(l.stateDir, "creating", "*"))
	if err != nil {
		l.T.Fatal(err)
	}
	return len(left) > 0
}

// A cluster in any other state is brought to "running", and the kubeconfig's current
// context stays the user's.
func TestStartFromEachState(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  []bootstraptest.Play
		found   cluster.State
		created bool
		changes string // the call that must have been made
	}{
		{"fresh", []bootstraptest.Play{listed("no-profile/profile-list-light"),
			{Call: "minikube start -p minikube -o json", Recording: "docker-start/start-fresh", Kubeconfig: "docker-running/kubeconfig", Then: "running"}},
			cluster.Absent, true, "minikube start -p minikube -o json"},
		{"stopped", []bootstraptest.Play{listed("docker-stopped/profile-list-light"), asked("minikube", "docker-stopped/status"),
			{Call: "minikube start -p minikube -o json", Recording: "docker-start/start-stopped", Kubeconfig: "docker-running/kubeconfig", Then: "running"}},
			cluster.Stopped, false, "minikube start -p minikube -o json"},
		{"paused", []bootstraptest.Play{listed("docker-paused/profile-list-light"), asked("minikube", "docker-paused/status"),
			{Call: "minikube unpause -p minikube -o json", Recording: "containerd-paused/unpause", Kubeconfig: "docker-running/kubeconfig", Then: "running"}},
			cluster.Paused, false, "minikube unpause -p minikube -o json"},
	} {
		for _, current := range []string{"other", ""} {
			t.Run(c.name+", current context "+current, func(t *testing.T) {
				l := newLaptop(t, "minikube")
				id := "one"
				l.API("192.168.49.2").Set("running", bootstraptest.Node("minikube", "docker", true))
				l.docker(&id)
				l.Kubeconfig("no-profile/kubeconfig")
				if current != "" {
					l.Setenv("KUBECONFIG", filepath.Join(l.Dir, "mine")+string(filepath.ListSeparator)+l.Script.Kubeconfig)
					mine := "apiVersion: v1\nkind: Config\ncurrent-context: " + current + "\n"
					bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, "mine"), []byte(mine), 0o600))
				}
				l.Scene("before", c.before...)
				l.Scene("running", listed("docker-running/profile-list-light"), bootstraptest.Play{Call: dockerEnvCall, Recording: "docker-running/docker-env"})
				f, cluster, err := l.ready(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if f.State != c.found || cluster.Created != c.created {
					t.Errorf("found in state %d, created %t", f.State, cluster.Created)
				}
				if !l.Called(c.changes) || l.markerLeft() {
					t.Errorf("called %q, marker left %t", l.Calls(), l.markerLeft())
				}
				if want := map[string]string{"": "minikube", "other": "other"}[current]; l.currentContext() != want {
					t.Errorf("the current context is %q, want %q", l.currentContext(), want)
				}
				if got := cluster.String(); got != `minikube profile "minikube" (1 node, v1.34.4)` || cluster.Runtime != "docker" || cluster.Arch != "amd64" {
					t.Errorf("%s, %s, %s", got, cluster.Runtime, cluster.Arch)
				}
			})
		}
	}
}

// A profile whose container was removed is not started, which would take minikube
// 6 minutes and fail: what helps is said at once. An engine that does not run says the
// same of containers that are all there, and must not lead to their deletion.
func TestStartRefusesWhatIsGone(t *testing.T) {
	recorded, _ := bootstraptest.Recorded(t, "container-gone/status")
	for name, c := range map[string]struct {
		stderr, sentence, hint string
		state                  cluster.State
	}{
		"its container was removed": {recorded.Stderr, `minikube profile "minikube" is there, and its container was removed`, "minikube delete -p minikube, then hellox up --target minikube --profile minikube creates it anew", cluster.Gone},
		"docker does not run": {strings.ReplaceAll(recorded.Stderr, "Error response from daemon: No such container: minikube", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"),
			`minikube profile "minikube" cannot be asked: docker is not running`, "", cluster.Broken},
		"no permission": {strings.ReplaceAll(recorded.Stderr, "Error response from daemon: No such container: minikube", "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"),
			`minikube profile "minikube" cannot be asked: no permission to use docker`, "", cluster.Broken},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLaptop(t, "minikube")
			bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, "status.stdout"), []byte("null"), 0o600))
			bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, "status.stderr"), []byte(c.stderr), 0o600))
			bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, "status.exit"), []byte("7"), 0o600))
			l.Scene("now", listed("container-gone/profile-list-light"), asked("minikube", "status"))
			f, _, err := l.ready(t.Context())
			if err == nil || err.Error() != c.sentence || hintOf(err) == "" || c.hint != "" && hintOf(err) != c.hint {
				t.Errorf("%v, hint %q", err, hintOf(err))
			}
			if c.state == cluster.Gone && (f.State != cluster.Gone || f.Unusable() == nil) {
				t.Errorf("found in state %d", f.State)
			}
			if l.Called("minikube start -p minikube -o json") || c.state == cluster.Broken && strings.Contains(hintOf(err), "delete") {
				t.Errorf("calls %q, hint %q", l.Calls(), hintOf(err))
			}
		})
	}
}

// A start of a stopped profile takes the current context, in the file where
// it stands; it is put back.
func TestStartKeepsContextInOneFile(t *testing.T) {
	l := newLaptop(t, "minikube")
	l.API("192.168.58.2").Set("running", bootstraptest.Node("boxed", "containerd", true))
	l.Script.Replace = append(l.Script.Replace, [2]string{`current-context: ""`, "current-context: other"})
	l.Kubeconfig("containerd-stopped/kubeconfig")
	before := l.currentContext()
	l.find.Profile = "boxed"
	l.Scene("stopped", listed("containerd-stopped/profile-list-light"), asked("boxed", "containerd-stopped/status"),
		asked("minikube", "docker-stopped/status"), asked("twin", "two-nodes-running/status"),
		bootstraptest.Play{Call: "minikube start -p boxed -o json", Recording: "containerd-start/start-stopped-keep-context-other-current", Kubeconfig: "two-profiles/kubeconfig", Then: "running"})
	l.Scene("running", listed("two-profiles/profile-list-light"))
	if _, _, err := l.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if before == "" || l.currentContext() != before {
		t.Errorf("the current context was %q and is %q", before, l.currentContext())
	}
	if slices.ContainsFunc(l.Calls(), func(c string) bool { return strings.Contains(c, "docker-env") }) {
		t.Error("docker-env was asked of a profile with containerd")
	}
}

// A start that fails or is refused leaves nothing, and is explained.
func TestCreateFails(t *testing.T) {
	for recording, want := range map[string]string{
		"docker-start-failed/start-fresh":       "Failed to enable container runtime: cri-docker.service not running",
		"refused/start-as-root":                 `The "docker" driver should not be used with root privileges`,
		"refused/start-unknown-driver":          "The driver 'nosuch' is not supported on linux/amd64",
		"refused/start-memory-too-large":        "Requested memory allocation 999999MB is more than your system limit 24105MB",
		"refused/start-memory-too-large-forced": "Docker has only 24105MB memory but you specified 999999MB",
		"refused/start-bad-name":                "Only alphanumeric and dashes",
		"refused/start-unknown-flag":            "unknown flag: --nosuch",
	} {
		t.Run(recording, func(t *testing.T) {
			l := newLaptop(t, "minikube")
			l.Scene("none", listed("no-profile/profile-list-light"),
				bootstraptest.Play{Call: "minikube start -p minikube -o json", Recording: recording},
				bootstraptest.Play{Call: "minikube delete -p minikube", Recording: "docker-start-failed/delete"})
			_, _, err := l.ready(t.Context())
			if err == nil || !strings.Contains(err.Error(), want) || hintOf(err) == "" {
				t.Errorf("%v, hint %q", err, hintOf(err))
			}
			if !l.Called("minikube delete -p minikube") || l.markerLeft() {
				t.Errorf("calls %q, marker left %t", l.Calls(), l.markerLeft())
			}
		})
	}
}

// An interrupted creation ends at once. What it left is deleted in the
// background, or else before the next one starts.
func TestCreateIsInterrupted(t *testing.T) {
	l := newLaptop(t, "minikube")
	id := "one"
	l.API("192.168.49.2").Set("running", bootstraptest.Node("minikube", "docker", true))
	l.docker(&id)
	l.Scene("none", listed("no-profile/profile-list-light"),
		bootstraptest.Play{Call: "minikube start -p minikube -o json", Recording: "docker-start-interrupted/start", Hang: true},
		bootstraptest.Play{Call: "minikube delete -p minikube", Recording: "docker-start-failed/delete", Then: "wreck"})
	l.Scene("wreck", listed("docker-stopped/profile-list-light"), sshKey, bootstraptest.Play{Call: "minikube delete -p minikube", Recording: "docker-start-failed/delete", Then: "clean"})
	l.Scene("clean", bootstraptest.Play{Call: "minikube start -p minikube -o json", Recording: "docker-start/start-fresh", Kubeconfig: "docker-running/kubeconfig", Then: "running"})
	l.Scene("running", listed("docker-running/profile-list-light"), bootstraptest.Play{Call: dockerEnvCall, Recording: "docker-running/docker-env"})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel()
		bootstraptest.WaitFor(t, "the start to be under way", func() bool {
			_, err := os.Stat(filepath.Join(l.Dir, "hanging"))
			return err == nil
		})
	}()
	if _, _, err := l.ready(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if !l.markerLeft() {
		t.Error("no marker of what may be left")
	}
	bootstraptest.WaitFor(t, "the deletion", func() bool { return l.Now() == "wreck" })

	l.setCreated(time.Now())
	f, c, err := l.ready(t.Context())
	if err != nil || f.State != cluster.Interrupted || !c.Created {
		t.Fatalf("again: %v, %v", f, err)
	}
	if l.markerLeft() {
		t.Error("the marker is still there")
	}
	calls := strings.Join(l.Calls(), "\n")
	if !strings.Contains(calls, "minikube ssh-key -p minikube\nminikube delete -p minikube\nminikube start -p minikube -o json") {
		t.Errorf("calls %s", calls)
	}
}

// sshKey is asked for to learn how old a profile's machine is.
var sshKey = bootstraptest.Play{Call: "minikube ssh-key -p minikube", Recording: "ssh-key"}

// setCreated sets when the profile's machine was created.
func (l *laptop) setCreated(at time.Time) {
	l.T.Helper()
	key := filepath.Join(l.Dir, "id_rsa")
	bootstraptest.Must(os.WriteFile(key, nil, 0o600))
	bootstraptest.Must(os.Chtimes(key, at, at))
	// Where it lies is the only thing that no recording can say.
	bootstraptest.Must(os.WriteFile(filepath.Join(l.Dir, "ssh-key.stdout"), []byte(key+"\n"), 0o600))
}

// create stands for another hellox that creates the profile minikube.
func (l *laptop) create(create func() (clean bool, err error)) error {
	return cluster.Create(l.Runner(), l.stateDir, profile{Name: "minikube"}.candidate(), nil, create)
}

// A profile that was created otherwise since an interrupted creation is not touched.
func TestInterruptedCreationSparesOthers(t *testing.T) {
	for name, created := range map[string]time.Duration{"before": -time.Hour, "after": time.Hour} {
		t.Run(name, func(t *testing.T) {
			l := newLaptop(t, "minikube")
			l.Scene("now", listed("docker-stopped/profile-list-light"), sshKey, asked("minikube", "docker-stopped/status"))
			if err := l.create(func() (bool, error) { return false, nil }); err != nil {
				t.Fatal(err)
			}
			l.setCreated(time.Now())
			if f, err := l.found(t.Context()); err != nil || f.State != cluster.Interrupted {
				t.Errorf("ours: state %d, %v", f.State, err)
			}
			l.setCreated(time.Now().Add(created))
			if f, err := l.found(t.Context()); err != nil || f.State != cluster.Stopped {
				t.Errorf("another one: state %d, %v", f.State, err)
			}
			if l.markerLeft() {
				t.Error("the marker is still there")
			}
		})
	}
}

func TestCreationIsOneAtATime(t *testing.T) {
	l := newLaptop(t, "minikube")
	l.Scene("none", listed("docker-stopped/profile-list-light"))
	err := l.create(func() (bool, error) {
		if _, _, err := l.ready(t.Context()); err == nil || !strings.Contains(err.Error(), "another hellox is creating") {
			t.Errorf("found: %v", err)
		}
		if err := l.create(func() (bool, error) { return true, nil }); err == nil {
			t.Error("two create the same")
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if l.markerLeft() {
		t.Error("the marker is still there")
	}
}

// A worker that is stopped in a profile that minikube calls OK is started.
func TestStartStartsWorker(t *testing.T) {
	l := newLaptop(t, "minikube")
	api := l.API("192.168.67.2")
	api.Set("one", bootstraptest.Node("twin", "containerd", true), bootstraptest.Node("twin-m02", "containerd", false))
	api.Set("both", bootstraptest.Node("twin-m02", "containerd", true), bootstraptest.Node("twin", "containerd", true))
	l.Kubeconfig("two-nodes-running/kubeconfig")
	before := l.currentContext()
	l.find.Profile = "twin"
	l.Scene("one", listed("two-nodes-one-stopped/profile-list-light"), asked("twin", "two-nodes-one-stopped/status"),
		asked("minikube", "docker-stopped/status"), asked("boxed", "containerd-stopped/status"),
		bootstraptest.Play{Call: "minikube node start twin-m02 -p twin", Context: "twin", Then: "both"})
	l.Scene("both")
	_, c, err := l.ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Nodes) != 2 || c.Nodes[0].Name != "twin" || c.Nodes[1].Name != "twin-m02" {
		t.Errorf("nodes %+v", c.Nodes)
	}
	if l.currentContext() != before {
		t.Errorf("the current context is %q", l.currentContext())
	}
}

// Connect starts nothing and does not wait for nodes.
func TestConnectStartsNothing(t *testing.T) {
	l := newLaptop(t, "minikube")
	l.API("192.168.67.2").Set("", bootstraptest.Node("twin", "containerd", true), bootstraptest.Node("twin-m02", "containerd", false))
	l.Kubeconfig("two-nodes-running/kubeconfig")
	l.find.Profile = "twin"
	l.Scene("now", listed("two-nodes-one-stopped/profile-list-light"), asked("minikube", "docker-stopped/status"), asked("boxed", "containerd-stopped/status"))
	f, err := l.found(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Connect(t.Context())
	if err != nil || len(c.Nodes) != 2 || c.Nodes[1].Ready {
		t.Errorf("%+v, %v", c, err)
	}
	running, _, err := cluster.ListRunning(t.Context(), l.providers(), l.find)
	if err != nil || len(running) != 1 || running[0].Profile != "twin" {
		t.Errorf("running %v, %v", running, err)
	}
	l.find.Profile = "boxed"
	if f, err = l.found(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Connect(t.Context()); err == nil || hintOf(err) != "hellox up --target minikube --profile boxed" {
		t.Errorf("a stopped one: %v", err)
	}
}

// All that runs is found, also what is not the active profile.
func TestRunningClusters(t *testing.T) {
	l := newLaptop(t, "minikube")
	for _, ip := range []string{"192.168.49.2", "192.168.58.2"} {
		l.API(ip).Set("", bootstraptest.Node("any", "containerd", true))
	}
	l.Kubeconfig("two-profiles/kubeconfig")
	l.Scene("now", listed("two-profiles/profile-list-light"))
	running, _, err := cluster.ListRunning(t.Context(), l.providers(), l.find)
	if err != nil || len(running) != 2 || running[0].Profile != "boxed" || running[1].Profile != "minikube" {
		t.Errorf("running %v, %v", running, err)
	}
}

func TestDeleteMinikube(t *testing.T) {
	for recording, fine := range map[string]bool{
		"docker-stopped-commands/delete": true, "two-nodes-one-stopped/delete": true,
		"docker-start-failed/delete": true, "refused/delete-unknown": true, "refused/stop-unknown": false,
	} {
		l := newLaptop(t, "minikube")
		l.Scene("now", bootstraptest.Play{Call: "minikube delete -p p", Recording: recording})
		err := l.minikube().Delete(t.Context(), profile{Name: "p"}.candidate())
		if (err == nil) != fine {
			t.Errorf("%s: %v", recording, err)
		}
	}
}
