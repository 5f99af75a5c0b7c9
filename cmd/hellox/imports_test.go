package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports keeps the picture in the README true: imports go down only, and
// what only one part knows stays there.
func TestImports(t *testing.T) {
	for _, rule := range []struct{ of, not, why string }{
		{"hellox/stream", "hellox/", "the vocabulary knows nobody"},
		{"hellox/manifests", "hellox/", "what is in a cluster is text"},
		{"hellox/history", "hellox/web", "it is read by web"},
		{"hellox/history", "hellox/tui", "it is read by tui"},
		{"hellox/history", "hellox/broker", "it knows no broker"},
		{"hellox/web", "hellox/tui", "siblings meet in cmd"},
		{"hellox/web", "hellox/broker", "siblings meet in cmd"},
		{"hellox/tui", "hellox/web", "siblings meet in cmd"},
		{"hellox/tui", "hellox/broker", "siblings meet in cmd"},
		{"hellox/broker", "hellox/history", "siblings meet in cmd"},
		{"hellox/bootstrap", "hellox/stream", "a cluster's pods are not its business"},
		{"hellox/bootstrap", "hellox/history", "a cluster's pods are not its business"},
		{"hellox/bootstrap", "github.com/eclipse/paho", "only stream and broker know MQTT"},
		{"hellox/web", "k8s.io/", "only bootstrap and manifests know Kubernetes"},
		{"hellox/tui", "k8s.io/", "only bootstrap and manifests know Kubernetes"},
		{"hellox/history", "k8s.io/", "only bootstrap and manifests know Kubernetes"},
		{"hellox/broker", "k8s.io/", "only bootstrap and manifests know Kubernetes"},
		{"hellox/stream", "k8s.io/", "only bootstrap and manifests know Kubernetes"},
		{"hellox/web", "github.com/charmbracelet/", "only tui knows terminals"},
		{"hellox/history", "github.com/charmbracelet/", "only tui knows terminals"},
		{"hellox/cmd/hellox", "k8s.io/client-go/kubernetes", "most of a start-up's time and memory"},
		{"hellox/cmd/hellox", "github.com/docker/docker", "a Docker client for two requests"},
		{"hellox/cmd/hellox", "github.com/chromedp/", "it is for tests"},
		{"hellox/cmd/hellox", "github.com/getkin/", "it is for tests"},
	} {
		for _, dep := range dependencies(t, rule.of) {
			if dep != rule.of && strings.HasPrefix(dep, rule.not) {
				t.Errorf("%s imports %s: %s", rule.of, dep, rule.why)
			}
		}
	}
}

func dependencies(t *testing.T, of string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", of).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", of, err)
	}
	return strings.Fields(string(out))
}
