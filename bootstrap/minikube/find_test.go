package minikube

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/step"
)

// What Find makes of each recorded state, with no kind on the machine.
func TestFindMinikube(t *testing.T) {
	for _, c := range []struct {
		name       string
		list       string // recordings
		kubeconfig string
		status     map[string]string // of the profiles that must be asked
		up         []string          // addresses whose API server answers
		profile    string            // asked for

		want    cluster.Found
		why     string
		problem step.Kind // if not Failed, of the error
		hint    string
	}{
		{name: "no profile", list: "no-profile/profile-list-light", kubeconfig: "no-profile/kubeconfig",
			want: cluster.Found{Target: Target, Profile: "minikube", State: cluster.Absent}, why: "minikube is installed and has no profile"},
		{name: "no profile, one asked for", list: "no-profile/profile-list-light", profile: "other", problem: step.Missing, hint: "hellox up --target kind --profile other"},
		{name: "a refused start", list: "refused/profile-list-light-after-failed-start",
			want: cluster.Found{Target: Target, Profile: "minikube", State: cluster.Absent}},
		{name: "a refused start, without --light", list: "refused/profile-list-after-failed-start",
			want: cluster.Found{Target: Target, Profile: "minikube", State: cluster.Absent}},
		{name: "running", list: "docker-running/profile-list-light", kubeconfig: "docker-running/kubeconfig", up: []string{"192.168.49.2"},
			want: cluster.Found{Target: Target, Profile: "minikube", State: cluster.Running}, why: "it is running"},
		{name: "running, containerd", list: "containerd-running/profile-list-light", kubeconfig: "docker-running/kubeconfig", up: []string{"192.168.49.2"},
			want: cluster.Found{Target: Target, Profile: "minikube", State: cluster.Running}},
		{name: "running, of the old statuses", list: "docker-running/profile-list", kubeconfig: "docker-running/kubeconfig", up: []string{"192.168.49.2"},
			want: cluster.Found{Target: Target, Profile: "minikube", State: cluster.Running}},
		{name: "running, its API server slow", list: "docker-running/profile-list-light", kubeconfig: "docker-running/kubeconfig",
			status: map[string]string{"minikube": "docker-running/status"},
			want:   cluster.Found{Target: Target, Profile: "minikube", State: cluster.Running}},
		{name: "paused", list: "docker-paused/profile-list-light", kubeconfig: "docker-paused/kubeconfig",
			status: map[string]string{"minikube": "docker-paused/status"},
			want:   cluster.Found{Target: Target, Profile: "minikube", State: cluster.Paused}, why: "it is paused and will be unpaused"},
		{name: "stopped", list: "docker-stopped/profile-list-light", kubeconfig: "docker-stopped/kubeconfig",
			status: map[string]string{"minikube": "docker-stopped/status"},
			want:   cluster.Found{Target: Target, Profile: "minikube", State: cluster.Stopped}, why: "it is stopped and will be started"},
		{name: "container gone", list: "container-gone/profile-list-light", kubeconfig: "container-gone/kubeconfig",
			status: map[string]string{"minikube": "container-gone/status"},
			want:   cluster.Found{Target: Target, Profile: "minikube", State: cluster.Gone}, why: "its nodes were removed"},
		{name: "a failed start", list: "docker-start-failed/profile-list", kubeconfig: "no-profile/kubeconfig",
			status: map[string]string{"minikube": "docker-start-failed/status"}, problem: step.Missing, hint: "minikube delete -p minikube"},
		{name: "an interrupted start", list: "docker-start-interrupted/profile-list-light", kubeconfig: "no-profile/kubeconfig",
			status: map[string]string{"cut": "docker-start-interrupted/status"}, problem: step.Missing, hint: "minikube delete -p cut"},
		{name: "a stale kubeconfig", list: "docker-running/profile-list-light", kubeconfig: "docker-running/kubeconfig",
			status: map[string]string{"minikube": "docker-start-interrupted/status"}, problem: step.Missing, hint: "minikube update-context -p minikube"},
		{name: "two profiles, the active one runs", list: "two-profiles/profile-list-light", kubeconfig: "two-profiles/kubeconfig",
			up: []string{"192.168.49.2", "192.168.58.2"},
			// The other may or may not be asked before the active one is seen to run.
			status: map[string]string{"boxed": "two-profiles/status"},
			want:   cluster.Found{Target: Target, Profile: "minikube", State: cluster.Running}, why: "it is running and is the active one"},
		{name: "two profiles, the other asked for", list: "two-profiles/profile-list-light", kubeconfig: "two-profiles/kubeconfig",
			up: []string{"192.168.49.2", "192.168.58.2"}, profile: "boxed", status: map[string]string{"minikube": "two-profiles/status-minikube"},
			want: cluster.Found{Target: Target, Profile: "boxed", State: cluster.Running}, why: "it is running"},
		{name: "two profiles, the active one stopped", list: "two-profiles-one-stopped/profile-list-light", kubeconfig: "two-profiles-one-stopped/kubeconfig",
			up: []string{"192.168.58.2"}, status: map[string]string{"minikube": "docker-stopped/status"},
			want: cluster.Found{Target: Target, Profile: "boxed", State: cluster.Running}},
		{name: "three profiles, two run, none is active", list: "two-nodes-running/profile-list-light", kubeconfig: "two-nodes-running/kubeconfig",
			up: []string{"192.168.58.2", "192.168.67.2"}, status: map[string]string{"minikube": "docker-stopped/status"},
			problem: step.Ambiguous, hint: "hellox up --target minikube --profile boxed"},
		{name: "two nodes", list: "two-nodes-running/profile-list-light", kubeconfig: "two-nodes-running/kubeconfig", profile: "twin",
			up: []string{"192.168.67.2"}, status: map[string]string{"minikube": "docker-stopped/status", "boxed": "two-profiles/status"},
			want: cluster.Found{Target: Target, Profile: "twin", State: cluster.Running}},
		{name: "two nodes, one stopped", list: "two-nodes-one-stopped/profile-list-light", kubeconfig: "two-nodes-running/kubeconfig", profile: "twin",
			up: []string{"192.168.67.2"}, status: map[string]string{"minikube": "docker-stopped/status", "boxed": "two-profiles/status"},
			want: cluster.Found{Target: Target, Profile: "twin", State: cluster.Running}},
		{name: "paused, containerd", list: "containerd-paused/profile-list-light", profile: "boxed",
			status: map[string]string{"minikube": "docker-stopped/status", "boxed": "containerd-paused/status"},
			want:   cluster.Found{Target: Target, Profile: "boxed", State: cluster.Paused}},
		{name: "stopped, containerd", list: "containerd-stopped/profile-list-light", kubeconfig: "containerd-stopped/kubeconfig", profile: "boxed",
			status: map[string]string{"minikube": "docker-stopped/status", "boxed": "containerd-stopped/status", "twin": "two-nodes-running/status"},
			want:   cluster.Found{Target: Target, Profile: "boxed", State: cluster.Stopped}},
		{name: "all stopped, the active one", list: "two-profiles/profile-list-light",
			status: map[string]string{"minikube": "docker-stopped/status", "boxed": "containerd-stopped/status"},
			want:   cluster.Found{Target: Target, Profile: "minikube", State: cluster.Stopped}},
		{name: "an unknown profile", list: "two-profiles/profile-list-light", profile: "other",
			status: map[string]string{"minikube": "docker-stopped/status", "boxed": "containerd-stopped/status"}, problem: step.Missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLaptop(t, "minikube")
			for _, ip := range c.up {
				l.API(ip).Set("", bootstraptest.Node("any", "containerd", true))
			}
			if c.kubeconfig != "" {
				l.Kubeconfig(c.kubeconfig)
			}
			plays := []bootstraptest.Play{listed(c.list)}
			for profile, recording := range c.status {
				plays = append(plays, asked(profile, recording))
			}
			l.Scene("now", plays...)
			l.find.Profile = c.profile
			got, err := l.found(t.Context())
			if c.problem != step.Failed {
				typed := (*step.Error)(nil)
				if !errors.As(err, &typed) || typed.Kind != c.problem || !strings.HasPrefix(typed.Hint, c.hint) {
					t.Fatalf("found %v, %v, hint %q", got, err, hintOf(err))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Target != c.want.Target || got.Profile != c.want.Profile || got.State != c.want.State || !strings.HasPrefix(got.Why, c.why) {
				t.Errorf("found %v, state %d", got, got.State)
			}
			if l.Called("minikube docker-env --shell none -o json") {
				t.Error("docker-env was asked")
			}
		})
	}
}

func hintOf(err error) string {
	if e := (*step.Error)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// A kubeconfig that sends the profile's name elsewhere is refused, and
// nothing is asked there.
func TestFindRefusesAnotherServer(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"another address": func(s string) string {
			return strings.ReplaceAll(s, "https://192.168.49.2:8443", "https://203.0.113.7:8443")
		},
		"another port": func(s string) string {
			return strings.ReplaceAll(s, "https://192.168.49.2:8443", "https://192.168.49.2:6443")
		},
		"a name": func(s string) string {
			return strings.ReplaceAll(s, "https://192.168.49.2:8443", "https://minikube.example.org:8443")
		},
		"not minikube's entry": func(s string) string {
			return strings.ReplaceAll(s, "provider: minikube.sigs.k8s.io", "provider: example.org")
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLaptop(t, "minikube")
			l.Scene("now", listed("docker-running/profile-list-light"), asked("minikube", "docker-running/status"))
			text, err := os.ReadFile(filepath.Join(l.Script.Recordings, "docker-running", "kubeconfig"))
			if err != nil {
				t.Fatal(err)
			}
			bootstraptest.Must(os.WriteFile(l.Script.Kubeconfig, []byte(edit(string(text))), 0o600))
			f, err := l.found(t.Context())
			if typed := (*step.Error)(nil); !errors.As(err, &typed) || typed.Kind != step.Unsafe {
				t.Errorf("found %v, %v", f, err)
			}
		})
	}
}

// An address of a node that is not private cannot be this machine's.
func TestProvenNeedsAPrivateAddress(t *testing.T) {
	l := newLaptop(t)
	l.Script.Replace = append(l.Script.Replace, [2]string{"192.168.49.2", "203.0.113.7"})
	l.Kubeconfig("docker-running/kubeconfig")
	text, err := os.ReadFile(filepath.Join(l.Script.Recordings, "docker-running", "profile-list-light.stdout"))
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := parseProfiles(strings.ReplaceAll(string(text), "192.168.49.2", "203.0.113.7"))
	if err != nil {
		t.Fatal(err)
	}
	if err := profiles[0].proven(t.Context(), l.Runner(), l.userConfig()); err == nil {
		t.Error("a node on the internet is taken for this machine's")
	}
}

func TestMinikubeDoesNotAnswer(t *testing.T) {
	l := newLaptop(t, "minikube")
	l.find.Target = Target
	l.Scene("now") // knows no call
	if _, err := l.found(t.Context()); err == nil || hintOf(err) != "minikube profile list" {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
}
