package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testKindDown removes the installation, and looks in every place where
// something of it could be left. Then the cluster goes, if up made it.
func testKindDown(t *testing.T, r *kindRig) {
	testKindKeepData(t, r)
	holder := r.status(t, "hellox").Forward
	if holder == nil {
		t.Fatal("nobody holds the forwards any more")
	}
	at := []string{"down", "--target", "kind", "--profile", r.cluster}
	_, said := r.run(t, append(at, "--dry-run")...)
	contains(t, "down --dry-run", said, fmt.Sprintf("would end process %d", holder.PID), "StatefulSet", "hellox.local/hellox:", "would remove the queues and the history of", "PersistentVolumeClaim history")
	_, said = r.run(t, at...)
	t.Log(said)
	contains(t, "down", said, "with the queues and the history of", fmt.Sprintf("process %d ended", holder.PID))
	r.nothingLeft(t)
	host, port := hostPort(t, r.page)
	if c, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), time.Second); err == nil {
		c.Close()
		t.Errorf("after down %s still answers", r.page)
	}
	// A process that ended and whose parent has not asked has no command line.
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", holder.PID)); err == nil && strings.Contains(string(line), "hellox") {
		t.Errorf("after down process %d is still there: %q", holder.PID, line)
	}
	_, said = r.run(t, at...)
	contains(t, "a second down", said, "nothing")
	r.contextIsKept(t)
	if !r.made {
		return
	}
	_, said = r.run(t, append(at, "--cluster", "--yes")...)
	t.Log(said)
	if left, _ := r.do(t, r.program("docker", "ps", "-aq", "--filter", "label=io.x-k8s.kind.cluster="+r.cluster)); left != "" {
		t.Errorf("after down --cluster there are the containers %s", left)
	}
	if contexts, _ := r.do(t, r.program("kubectl", "config", "get-contexts", "-o", "name")); strings.TrimSpace(contexts) != "mine" {
		t.Errorf("after down --cluster the kubeconfig has the contexts %s", contexts)
	}
	r.contextIsKept(t)
	r.noFiles(t)
}

// testKindKeepData removes all but the data: an up after that goes on with its IDs.
func testKindKeepData(t *testing.T, r *kindRig) {
	newest := r.newest()
	_, said := r.run(t, "down", "--target", "kind", "--profile", r.cluster, "--keep-data")
	contains(t, "down --keep-data", said, "left: the queues and the history of", "PersistentVolumeClaim data-broker-0")
	status, _ := r.run(t, "status", "--target", "kind", "--profile", r.cluster)
	contains(t, "status after that", status, "only its data is left", "data-broker-0 (1Gi)", "goes on with it", "removes it")
	events := r.upEvents(t, r.hellox)
	r.page = events[len(events)-1].Web
	until(t, "the history goes on", func() bool { return r.newest() > newest })
	if all := r.messages(t, newest-1, nil); len(all) < 2 || all[0].ID != newest || all[1].ID <= newest {
		t.Errorf("after the newest message, %d, there is %+v", newest, all)
	}
}

// nothingLeft looks into the cluster, onto its node and into the state folder.
func (r *kindRig) nothingLeft(t *testing.T) {
	t.Helper()
	kinds := strings.Fields(r.kubectl(t, "api-resources", "--verbs=list", "-o", "name"))
	for _, label := range []string{"hellox.local/installation", "app.kubernetes.io/part-of=hellox"} {
		left := r.kubectl(t, "get", strings.Join(kinds, ","), "--all-namespaces", "-l", label, "-o", "name", "--ignore-not-found")
		if left != "" {
			t.Errorf("after down the cluster has, with label %s:\n%s", label, left)
		}
	}
	for _, namespace := range strings.Fields(r.kubectl(t, "get", "namespaces", "-o", "name")) {
		if strings.Contains(namespace, "hellox") {
			t.Errorf("after down there is %s", namespace)
		}
	}
	// Volumes are removed by their provisioner, once nobody claims them.
	until(t, "the volumes' provisioner has removed them", func() bool {
		return r.kubectl(t, "get", "persistentvolumes", "-o", `jsonpath={range .items[*]}{.spec.claimRef.namespace}{"\n"}{end}`) == ""
	})
	for _, image := range strings.Fields(r.onNode(t, "ctr", "--namespace", "k8s.io", "images", "ls", "-q")) {
		if strings.Contains(image, "hellox.local/hellox") {
			t.Errorf("after down the node has image %s", image)
		}
	}
	r.noFiles(t)
}

// noFiles checks that the state folder holds none.
func (r *kindRig) noFiles(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(r.dir, "state"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("after down the state folder has %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
