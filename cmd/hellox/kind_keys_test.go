package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hellox/bootstrap/authority"
	"hellox/manifests"
)

// apiServer is the manifest from which the node's kubelet runs its API server.
const apiServer = "/etc/kubernetes/manifests/kube-apiserver.yaml"

var (
	signingKey = regexp.MustCompile(`--service-account-signing-key-file=(\S+)\.key`)
	keyFiles   = regexp.MustCompile(`(?m)^( +- )--service-account-key-file=\S+\n`)
)

// testKindKeys changes the key by which the cluster signs the pods' tokens, under load,
// and keeps the one before; an up that runs brings it.
func testKindKeys(t *testing.T, r *kindRig) {
	l := r.load(t)
	connects := func() int {
		return strings.Count(r.kubectl(t, "-n", "hellox", "logs", "broadcast-0"), `"msg":"connected"`)
	}
	connected := connects()
	r.changeKeys(t)
	began := time.Now()
	r.hasKeys(t)
	t.Logf("the up that runs brought the broker the new key %s after the API server had it", time.Since(began).Round(time.Second))
	d := newDoor(t, r)
	if c, why := d.connect(t, attempt{user: "broadcast-1", token: r.token(t, "broadcast", "broadcast-1")}); c == nil {
		t.Errorf("a token that the new key signed: %s", why)
	} else {
		c.close()
	}
	r.whole(t, l, "a change of the cluster's keys")
	if now := connects(); now != connected || now == 0 {
		t.Errorf("a broadcaster whose token is by the key from before connected %d times, and %d times before the change", now, connected)
	}
	if everyMoment() {
		testKindKeysWithoutUp(t, r)
	} else if !r.made { // the next change drops the key that they have now
		r.renewSystem(t)
	}
}

// testKindKeysWithoutUp changes it again, and drops the first one, while no up runs: the
// next one brings it. Pods with tokens by each of the three come in.
func testKindKeysWithoutUp(t *testing.T, r *kindRig) {
	l := r.load(t)
	holder, err := os.FindProcess(r.status(t, "hellox").Forward.PID)
	if err == nil {
		err = holder.Signal(syscall.SIGTERM)
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, "no up runs", func() bool { return r.status(t, "hellox").Forward == nil })
	r.changeKeys(t)
	r.renewSystem(t) // without kube-proxy a new broker would not be found
	r.kubectl(t, "-n", "hellox", "delete", "pod", "broadcast-1")
	awaitLong(t, "the broker refuses a token that the new key signed", func() bool {
		out, err := r.program("kubectl", "--context", "kind-"+r.cluster, "-n", "hellox", "logs", "broker-0").CombinedOutput()
		return err == nil && strings.Contains(string(out), "signed by a key that is not the cluster's")
	})
	_, said := r.run(t, r.up()...)
	t.Log(said)
	forward := r.status(t, "hellox").Forward
	r.page, r.mqtt = forward.Web, forward.MQTT
	r.hasKeys(t)
	r.deletePods(t, "broker")
	r.whole(t, l, "a change of the cluster's keys without an up, and the broker's replacement")
}

// changeKeys has the API server sign by a new key, and know the one before and no other;
// it returns when it does.
func (r *kindRig) changeKeys(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("/etc/kubernetes/pki/sa-%d", time.Now().UnixNano())
	r.writeOnNode(t, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	r.writeOnNode(t, name+".pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	manifest := r.onNode(t, "cat", apiServer) + "\n"
	before := signingKey.FindStringSubmatch(manifest)
	indent := keyFiles.FindStringSubmatch(manifest)
	if before == nil || indent == nil {
		t.Fatalf("the API server's manifest is not as expected:\n%s", manifest)
	}
	files := fmt.Sprintf("%[1]s--service-account-key-file=%[2]s.pub\n%[1]s--service-account-key-file=%[3]s.pub\n", indent[1], name, before[1])
	first := true
	manifest = keyFiles.ReplaceAllStringFunc(manifest, func(string) string {
		defer func() { first = false }()
		if first {
			return files
		}
		return ""
	})
	old := r.keyIDs(t)
	r.writeOnNode(t, apiServer, strings.Replace(manifest, before[0], "--service-account-signing-key-file="+name+".key", 1))
	began := time.Now()
	awaitLong(t, "the API server has a new key", func() bool {
		now := r.keyIDs(t)
		return len(now) == 2 && !slices.Equal(now, old)
	})
	t.Logf("the API server had its new key after %s", time.Since(began).Round(time.Second))
}

// writeOnNode puts a file into its place at once: a kubelet must not read a part of it.
func (r *kindRig) writeOnNode(t *testing.T, path, text string) {
	t.Helper()
	c := r.program("docker", "exec", "-i", r.node, "sh", "-c", `umask 077; cat >/root/written && mv /root/written "$0"`, path)
	c.Stdin = strings.NewReader(text)
	r.do(t, c)
}

// keyIDs are those of the cluster, none while its API server does not answer.
func (r *kindRig) keyIDs(t *testing.T) (ids []string) {
	t.Helper()
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		}
	}
	out, err := r.program("kubectl", "--context", "kind-"+r.cluster, "--request-timeout=5s", "get", "--raw", "/openid/v1/jwks").Output()
	if err == nil {
		err = json.Unmarshal(out, &set)
	}
	if err != nil {
		return nil
	}
	for _, k := range set.Keys {
		ids = append(ids, k.ID)
	}
	slices.Sort(ids)
	return ids
}

// hasKeys waits until the installation has all keys of the cluster, and its broker, too.
func (r *kindRig) hasKeys(t *testing.T) {
	t.Helper()
	client := r.client(t)
	ids := r.keyIDs(t)
	if len(ids) == 0 {
		t.Fatal("the API server does not answer")
	}
	awaitLong(t, "the installation has the cluster's keys", func() bool {
		text, err := stored(t.Context(), client, "ConfigMap", manifests.BrokerKeys, "keys.json")
		missing := slices.ContainsFunc(ids, func(id string) bool { return !strings.Contains(text, id) })
		return err == nil && !missing && reports(t.Context(), client, "broker-0", authority.Hash([]byte(text)))
	})
}

// renewSystem gives those pods of the cluster itself new tokens that speak with the API
// server: those by a key that it has dropped are worth nothing.
func (r *kindRig) renewSystem(t *testing.T) {
	t.Helper()
	workloads := map[string][]string{"kube-system": {"deployment/coredns", "daemonset/kube-proxy"}, "local-path-storage": {"deployment/local-path-provisioner"}}
	for namespace, all := range workloads {
		r.kubectl(t, append([]string{"-n", namespace, "rollout", "restart"}, all...)...)
	}
	for namespace, all := range workloads {
		for _, one := range all {
			r.kubectl(t, "-n", namespace, "rollout", "status", one, "--timeout", "3m")
		}
	}
}

// awaitLong waits as until does, for what a whole API server must be started for.
func awaitLong(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !ok(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5 minutes: %s", what)
		}
	}
}
