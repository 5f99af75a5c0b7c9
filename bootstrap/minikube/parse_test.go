package minikube

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
)

func TestParseStatus(t *testing.T) {
	up := nodeStatus{Name: "minikube", Host: "Running", Kubelet: "Running", APIServer: "Running", Kubeconfig: "Configured"}
	for _, c := range []struct {
		recording string
		want      []nodeStatus
		problem   string
	}{
		{recording: "docker-running/status", want: []nodeStatus{up}},
		{recording: "docker-paused/status", want: []nodeStatus{{Name: "minikube", Host: "Running", Kubelet: "Stopped", APIServer: "Paused", Kubeconfig: "Configured"}}},
		{recording: "container-gone/status", want: []nodeStatus{}},
		{recording: "no-profile/status", problem: `Profile "minikube" not found`},
		{recording: "no-profile/status-named", problem: `Profile "other" not found`},
		{recording: "two-nodes-running/status-node", want: []nodeStatus{
			{Name: "twin-m02", Host: "Running", Kubelet: "Running", APIServer: "Irrelevant", Kubeconfig: "Irrelevant", Worker: true}}},
		{recording: "two-nodes-one-stopped/status", want: []nodeStatus{
			{Name: "twin", Host: "Running", Kubelet: "Running", APIServer: "Running", Kubeconfig: "Configured"},
			{Name: "twin-m02", Host: "Stopped", Kubelet: "Stopped", APIServer: "Stopped", Kubeconfig: "Stopped", Worker: true}}},
	} {
		out, _ := bootstraptest.Recorded(t, c.recording)
		got, err := parseStatus(out.Stdout)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %v, %v", c.recording, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.recording, got, err)
		}
	}
	for _, none := range []string{"", "\n", "minikube", "[", "{}"} {
		if got, err := parseStatus(none); err == nil {
			t.Errorf("%q: %v", none, got)
		}
	}
}

// Each status that was recorded, and the state that it means where the
// kubeconfig has the profile.
func TestStateOfStatus(t *testing.T) {
	for recording, want := range map[string]cluster.State{
		"docker-running/status": cluster.Running, "containerd-running/status": cluster.Running, "two-profiles/status": cluster.Running, "two-profiles/status-minikube": cluster.Running,
		"two-nodes-running/status": cluster.Running, "docker-start-interrupted/status-after": cluster.Running,
		"docker-paused/status": cluster.Paused, "containerd-paused/status": cluster.Paused,
		"docker-stopped/status": cluster.Stopped, "containerd-stopped/status": cluster.Stopped,
		"two-nodes-one-stopped/status": cluster.Stopped, "two-nodes-one-stopped/status-node": cluster.Stopped,
		"container-gone/status": cluster.Gone, "docker-start-failed/status": cluster.Broken, "docker-start-interrupted/status": cluster.Broken,
	} {
		l := newLaptop(t)
		l.Kubeconfig("docker-running/kubeconfig")
		list, _ := bootstraptest.Recorded(t, "docker-running/profile-list-light")
		profiles, err := parseProfiles(list.Stdout)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := bootstraptest.Recorded(t, recording)
		nodes, err := parseStatus(out.Stdout)
		if err != nil {
			t.Errorf("%s: %v", recording, err)
		}
		if got, broken := l.minikube().stateOf(t.Context(), profiles[0], nodes, ""); got != want || (broken != nil) != (want == cluster.Broken || want == cluster.Gone) {
			t.Errorf("%s: state %d, %v", recording, got, broken)
		}
	}
	full := []nodeStatus{{Name: "minikube", Host: "InsufficientStorage", Kubelet: "Running", APIServer: "Running", Kubeconfig: "Configured"}}
	if got, why := newLaptop(t).minikube().stateOf(t.Context(), profile{Name: "minikube"}, full, ""); got != cluster.Broken || !strings.Contains(why.Error(), "disk") {
		t.Errorf("a full disk: state %d, %v", got, why)
	}
}

// Each list of profiles that was recorded, with states and without.
func TestParseProfiles(t *testing.T) {
	lists, err := filepath.Glob(filepath.Join(bootstraptest.Recordings(t), "*", "profile-list*.stdout"))
	if err != nil || len(lists) < 20 {
		t.Fatalf("%d lists, %v", len(lists), err)
	}
	for _, path := range lists {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		profiles, err := parseProfiles(string(text))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, p := range profiles {
			if want := p.Name != "boxed" && p.Name != "twin" && !strings.Contains(path, "containerd-running"); p.hasDocker() != want {
				t.Errorf("%s: profile %s has a Docker of its own: %t", path, p.Name, p.hasDocker())
			}
			if last := len(p.Config.Nodes) - 1; p.nodeName(0) != p.Name || last == 1 && p.nodeName(1) != "twin-m02" || last > 1 {
				t.Errorf("%s: profile %s has nodes %+v", path, p.Name, p.Config.Nodes)
			}
		}
	}
	for _, none := range []string{"", "null nothing", `{"error":"cannot read"}`} {
		if got, err := parseProfiles(none); err == nil {
			t.Errorf("%q: %v", none, got)
		}
	}
}

// Each way in which minikube refuses becomes one sentence, and what to do.
func TestReason(t *testing.T) {
	for _, c := range []struct{ recording, sentence, advice, name string }{
		{recording: "refused/start-unknown-driver", sentence: "The driver 'nosuch' is not supported on linux/amd64", name: "DRV_UNSUPPORTED_OS"},
		{recording: "refused/start-as-root", sentence: `The "docker" driver should not be used with root privileges`, name: "DRV_AS_ROOT"},
		{recording: "refused/start-memory-too-large", sentence: "Requested memory allocation 999999MB is more than your system limit 24105MB", name: "RSRC_OVER_ALLOC_MEM"},
		{recording: "refused/start-memory-too-large-forced", sentence: "Docker has only 24105MB memory but you specified 999999MB", name: "MK_USAGE"},
		{recording: "refused/start-bad-name", sentence: "Only alphanumeric and dashes '-' are permitted. Minimum 2 characters, starting with alphanumeric", name: "MK_USAGE"},
		{recording: "refused/start-unknown-flag", sentence: "unknown flag: --nosuch"},
		{recording: "refused/pause-unknown", sentence: `Profile "nosuch" not found. Run "minikube profile list" to view all profiles.`},
		{recording: "refused/stop-unknown", sentence: `Profile "nosuch" not found. Run "minikube profile list" to view all profiles.`},
		{recording: "refused/image-load-unknown", sentence: `MK_USAGE: loading profile: cluster "nosuch" does not exist`},
		{recording: "docker-start-failed/start-fresh", sentence: "Failed to enable container runtime: cri-docker.service not running", name: "RUNTIME_ENABLE"},
		{recording: "docker-stopped-commands/pause", sentence: "The control-plane node minikube host is not running: state=Stopped"},
		{recording: "docker-running-images/ssh-node-unknown", sentence: "GUEST_NODE_RETRIEVE: Node nosuch does not exist."},
		{recording: "two-nodes-running/docker-env", sentence: "ENV_MULTINODE_CONFLICT: The docker-env command is incompatible with multi-node clusters. Use the 'registry' add-on: https://minikube.sigs.k8s.io/docs/handbook/registry/"},
		{recording: "container-gone/docker-env", sentence: `GUEST_STATUS: Unable to get control-plane node minikube host status: state: unknown state "minikube": docker container inspect minikube --format={{.State.Status}}: exit status 1`},
		{recording: "docker-start-interrupted/start"},
	} {
		out, exit := bootstraptest.Recorded(t, c.recording)
		if exit == 0 {
			t.Errorf("%s did not fail", c.recording)
		}
		sentence, advice, name := reason(out)
		if c.sentence != "" && sentence != c.sentence || advice != c.advice || name != c.name {
			t.Errorf("%s: %q, %q, %q", c.recording, sentence, advice, name)
		}
		err := refusal("start", profile{Name: "p"}.candidate(), out, &run.ExitError{Program: "minikube", Code: exit, Output: out})
		if hintOf(err) == "" || strings.Contains(hintOf(err), "{{") || strings.ContainsAny(err.Error(), "\n╭") {
			t.Errorf("%s: %v, hint %q", c.recording, err, hintOf(err))
		}
	}
}

// The steps of a start, as they are shown.
func TestSteps(t *testing.T) {
	for recording, want := range map[string]int{
		"docker-start/start-fresh": 13, "docker-start/start-stopped": 9, "docker-start/start-running": 9, "docker-start/start-running-keep-context": 9,
		"containerd-start/start-fresh": 13, "containerd-start/start-stopped-keep-context-other-current": 9,
		"two-nodes-start/start-fresh": 18, "containerd-paused/unpause": 2,
	} {
		out, exit := bootstraptest.Recorded(t, recording)
		if exit != 0 {
			t.Errorf("%s ended with %d", recording, exit)
		}
		var steps []string
		for _, e := range parseEvents(out.Stdout) {
			if s := e.step(); s != "" {
				steps = append(steps, s)
			}
		}
		if len(steps) != want {
			t.Errorf("%s: %d steps: %q", recording, len(steps), steps)
		}
		for _, s := range steps {
			if strings.HasSuffix(s, ".") || strings.Contains(s, "\n") {
				t.Errorf("%s: step %q", recording, s)
			}
		}
	}
}

// Docker answers 200 to every archive, and reports the result in the body.
func TestLoadResult(t *testing.T) {
	for recording, want := range map[string]string{
		"docker-running-images/api-load-broken-empty":     "repositories: no such file or directory",
		"docker-running-images/api-load-broken-noise":     "invalid tar header",
		"docker-running-images/api-load-broken-truncated": "unexpected EOF",
	} {
		out, _ := bootstraptest.Recorded(t, recording)
		body := out.Stdout[strings.LastIndex(out.Stdout, "\n{"):]
		if err := loadResult(strings.NewReader(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", recording, err)
		}
	}
	for answer, ok := range map[string]bool{
		`{"stream":"Loaded image: hellox.local/hellox:1\n"}`:                                      true,
		`{"stream":"Loaded image ID: sha256:1\n"}`:                                                true,
		`{"status":"Loading layer"}` + "\n" + `{"stream":"Loaded image: a:1\n"}`:                  true,
		`{"stream":"Loaded image: hellox.local/hellox:1\n"}` + "\n" + `{"error":"no space left"}`: false,
		`{"status":"Loading layer"}`:                                                              false,
		``:                                                                                        false,
		`<html>`:                                                                                  false,
	} {
		if err := loadResult(strings.NewReader(answer)); (err == nil) != ok {
			t.Errorf("%q: %v", answer, err)
		}
	}
}
