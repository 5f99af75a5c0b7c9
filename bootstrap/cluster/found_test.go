package cluster_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/minikube"
	"hellox/bootstrap/step"
)

// startAndGiveUp starts what the laptop has and does not wait for its nodes.
func startAndGiveUp(t *testing.T, l *bootstraptest.Laptop) error {
	t.Helper()
	provider := minikube.New(minikube.Options{
		Runner: l.Runner(), StateDir: filepath.Join(l.Dir, "state"), CacheDir: filepath.Join(l.Dir, "cache"),
	})
	f, err := cluster.Find(t.Context(), []cluster.Provider{provider}, cluster.FindOptions{Target: cluster.Auto})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WithNodesTimeout(time.Millisecond).Start(t.Context(), func(step string) { t.Log(step) })
	return err
}

func hintOf(err error) string {
	if e := (*step.Error)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// A node that an interrupted start left never gets ready, whatever minikube
// says of it.
func TestStartGivesUpOnANodeNeverReady(t *testing.T) {
	l := bootstraptest.NewLaptop(t, "minikube")
	l.API("192.168.49.2").Set("", bootstraptest.Node("cut", "docker", false))
	l.Script.Replace = append(l.Script.Replace, [2]string{"name: minikube", "name: cut"}, [2]string{"cluster: minikube", "cluster: cut"},
		[2]string{"user: minikube", "user: cut"}, [2]string{"profiles/minikube", "profiles/cut"})
	l.Kubeconfig("docker-running/kubeconfig")
	l.Scene("now", bootstraptest.Play{Call: "minikube profile list -o json --light", Recording: "docker-start-interrupted/profile-list-after"})
	err := startAndGiveUp(t, l)
	if err == nil || !strings.Contains(err.Error(), "node cut is not ready: cni plugin not initialized") || !strings.HasPrefix(hintOf(err), "minikube delete -p cut") {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
}

// A start that reports success may leave nodes that are not ready, too.
func TestStartIsNotBelieved(t *testing.T) {
	l := bootstraptest.NewLaptop(t, "minikube")
	l.API("192.168.49.2").Set("after", bootstraptest.Node("minikube", "docker", false))
	l.Kubeconfig("no-profile/kubeconfig")
	l.Scene("before", bootstraptest.Play{Call: "minikube profile list -o json --light", Recording: "docker-stopped/profile-list-light"}, bootstraptest.Play{Call: "minikube status -p minikube -o json", Recording: "docker-stopped/status"},
		bootstraptest.Play{Call: "minikube start -p minikube -o json", Recording: "docker-start-interrupted/start-again", Kubeconfig: "docker-running/kubeconfig", Then: "after"})
	l.Scene("after", bootstraptest.Play{Call: "minikube profile list -o json --light", Recording: "docker-running/profile-list-light"})
	err := startAndGiveUp(t, l)
	if err == nil || !strings.Contains(err.Error(), "node minikube is not ready") || !strings.HasPrefix(hintOf(err), "minikube delete -p minikube") {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
}
