package main

import (
	"os"
	"testing"
)

// TestKindEndToEnd is the whole of hellox on a real kind cluster, in the order
// in which a newcomer meets it: up from nothing by `go run`, the stream in a
// browser and in a terminal, other people's clients, five broadcasters, every
// pod deleted once, up again, a second installation beside the first, a laptop with
// another processor, a second cluster, of three nodes, a changed program, a broker of
// three nodes, and down to nothing.
//
// HELLOX_E2E_NODE_IMAGE is the node image of the clusters that are made;
// HELLOX_E2E_CLUSTER and HELLOX_E2E_NODES name kind clusters to use instead, which
// stay.
func TestKindEndToEnd(t *testing.T) {
	if os.Getenv("HELLOX_E2E") == "" {
		t.Skip("HELLOX_E2E is not set: it takes minutes, a container engine and the right to make a kind cluster")
	}
	r := newKindRig(t)
	steps := []struct {
		name string
		test func(*testing.T, *kindRig)
	}{
		{"first up", testKindFirstUp},
		{"stream", testKindStream},
		{"tell, publish and logs", testKindCommands},
		{"loopback only", testKindLoopbackOnly},
		{"scale", testKindScale},
		{"pods deleted", testKindPodsDeleted},
		{"up again", testKindUpAgain},
		{"two side by side", testKindTwo},
		{"kubectl apply -k", testKindApply},
		{"a laptop that is not the node", testKindOtherLaptop},
		{"several nodes", testKindNodes},
		{"changed program", testKindChanged},
		{"own manifests and images", testKindOwn},
		{"minikube's Docker", testKindDocker},
		{"forwards", testKindForwards},
		{"trust", testKindTrust},
		{"cluster size", testKindClusterSize},
		{"states of the cluster", testKindStates},
		{"down", testKindDown},
	}
	for _, step := range steps {
		// What comes next stands on what came before.
		if !t.Run(step.name, func(t *testing.T) { step.test(t, r) }) {
			t.Fatalf("%q failed: what comes after it was not tried", step.name)
		}
	}
}

// testKindFirstUp goes from no cluster (or an empty one) to the stream, with
// the command that the README opens with. Where a C compiler is installed that
// makes a program which no empty image can run, so it is built for the nodes.
func testKindFirstUp(t *testing.T, r *kindRig) {
	c := r.program("go", append([]string{"run", "./cmd/hellox"}, r.up()...)...)
	c.Dir = r.source
	_, said := r.do(t, c)
	t.Log(said)
	contains(t, "the first up", said, "the page", "terminal", "hellox watch", "MQTT", "hellox down")
	if r.compiler {
		contains(t, "the first up of a program that is linked dynamically", said, "built and packed")
	}
	s := r.status(t, "hellox")
	if s.Forward == nil || !s.Forward.Detached {
		t.Fatalf("after up --detach nobody holds the forwards: %+v", s)
	}
	if s.Pods == nil || !s.Pods.Ready || len(s.Pods.Roles) != 3 {
		t.Fatalf("up returned, and not all pods are ready: %+v", s.Pods)
	}
	r.page, r.mqtt = s.Forward.Web, s.Forward.MQTT
	r.image = r.podImages(t, "hellox")[0]
	r.contextIsKept(t)
}
