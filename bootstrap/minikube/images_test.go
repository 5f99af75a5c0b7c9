package minikube

import (
	"errors"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
)

// Where only minikube knows a way to its machines, its own ssh is taken, and
// what it adds to what the node says is taken off.
func TestMinikubeShell(t *testing.T) {
	const ref = "hellox.test/hellox:3333333333333333"
	ask := func(node string, command ...string) string {
		return "minikube ssh -p twin -n " + node + " --native-ssh=false -- sudo -n " + cluster.Quote(command)
	}
	l := newLaptop(t, "minikube", "ssh")
	l.Scene("now",
		bootstraptest.Play{Call: ask("twin", "inspect", ref), Recording: "containerd-running-images/ssh-crictl-inspecti"},
		bootstraptest.Play{Call: ask("twin-m02", "inspect", ref), Recording: "two-nodes-running/ssh-node-2-crictl-inspecti-absent"},
		bootstraptest.Play{Call: ask("twin", "ctr", "-"), Recording: "containerd-running-images/ssh-external-ctr-import-broken-truncated"},
		bootstraptest.Play{Call: ask("twin", "seven"), Recording: "containerd-running-images/ssh-external-stderr"},
		bootstraptest.Play{Call: ask("twin-m02", "true"), Recording: "two-nodes-one-stopped/ssh-stopped-node"},
		bootstraptest.Play{Call: ask("nosuch", "true"), Recording: "docker-running-images/ssh-node-unknown"},
	)
	s := commandShell{l.Runner(), "twin"}
	if out, err := s.Run(t.Context(), "twin", nil, "inspect", ref); err != nil || !strings.Contains(out.Stdout, ref) {
		t.Errorf("there: %q, %v", out.Stdout, err)
	}
	for _, c := range []struct {
		node    string
		command []string
		code    int
		said    string
	}{
		{"twin-m02", []string{"inspect", ref}, 1, `inspect: time="2026-11-24T11:12:22Z" level=error msg="no such image \"hellox.test/hellox:3333333333333333\" present"`},
		{"twin", []string{"ctr", "-"}, 1, `ctr: failed to ingest "layer.tar": failed to read expected number of bytes: unexpected EOF`},
		{"twin", []string{"seven"}, 7, "seven: err"},
		{"twin-m02", []string{"true"}, 1, `minikube: ssh: "twin-m02" is not running`},
		{"nosuch", []string{"true"}, 85, "minikube: X Exiting due to GUEST_NODE_RETRIEVE: Node nosuch does not exist."},
	} {
		_, err := s.Run(t.Context(), c.node, nil, c.command...)
		if exit := (*run.ExitError)(nil); !errors.As(err, &exit) || exit.Code != c.code || exit.Error() != c.said {
			t.Errorf("%s %q: %v", c.node, c.command, err)
		}
	}
}

// The way into the nodes, by driver and runtime.
func TestWayIntoNodes(t *testing.T) {
	for _, c := range []struct {
		driver   string
		programs []string
		want     string
	}{
		{"docker", []string{"minikube"}, "engine docker"},
		{"kvm2", []string{"minikube", "ssh"}, "minikube ssh"},
		{"podman", []string{"minikube", "ssh"}, "minikube ssh"},
		{"kvm2", []string{"minikube"}, "none"},
	} {
		l := newLaptop(t, c.programs...)
		// No ssh server listens on this address.
		out, _ := bootstraptest.Recorded(t, "two-profiles-one-stopped/profile-list-light")
		profiles, err := parseProfiles(strings.ReplaceAll(out.Stdout, `"IP":"192.168.58.2"`, `"IP":"127.255.255.254"`))
		if err != nil {
			t.Fatal(err)
		}
		profiles[0].Config.Driver = c.driver
		got := "none"
		if images, err := l.minikube().Images(t.Context(), profiles[0].candidate(), "containerd"); err == nil {
			switch s := images.(cluster.RuntimeImages).Shell.(type) {
			case cluster.EngineShell:
				got = "engine " + s.Engine
			case commandShell:
				got = "minikube ssh"
			}
		}
		if got != c.want {
			t.Errorf("driver %s: %s, want %s", c.driver, got, c.want)
		}
	}
}
