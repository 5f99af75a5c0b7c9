package main

import (
	"fmt"
	"strings"
	"testing"
)

// A stranger is a pod that dials something of an installation.
type stranger struct {
	name      string
	namespace string
	account   string // "": the default one
	audience  string // of its token; "": it has none
	// shell is how it connects; the control is the same with the right identity.
	url  string
	args string
	in   bool // it may read
}

// strangers are those that must get nothing, and a client that is known beside them,
// because a dead address refuses everything.
func strangers(receive, broker string) []stranger {
	const tls = "mqtts://broker.hellox.svc:8883"
	const identity = "--user=$(POD_NAME), --password-file=/identity/token, --ca=/identity/ca.crt, "
	const unchecked = "--insecure, "
	all := []stranger{
		{name: "page", url: "mqtt://" + receive + ":8420"},
		{name: "forwarded", url: "mqtt://" + broker + ":1883"},
		{name: "plain", url: "mqtt://" + broker + ":8883"},
		{name: "without-token", url: tls, args: unchecked},
		{name: "other-audience", url: tls, account: "client", audience: "other", args: identity},
		{name: "other-account", url: tls, audience: "hellox-broker", args: identity},
		{name: "other-pods-name", url: tls, account: "client", audience: "hellox-broker", args: strings.Replace(identity, "$(POD_NAME)", "receive-0", 1)},
		{name: "a-broadcasters", url: tls, account: "broadcast", audience: "hellox-broker", args: identity},
		{name: "system-authorities", url: tls, account: "client", audience: "hellox-broker", args: strings.Replace(identity, "--ca=/identity/ca.crt, ", "", 1)},
		{name: "client", url: tls, account: "client", audience: "hellox-broker", args: identity, in: true},
	}
	for i := range all {
		all[i].namespace = "hellox"
	}
	far := stranger{name: "far", namespace: "default", account: "client", audience: "hellox-broker", url: tls, args: strings.Replace(identity, "--ca=/identity/ca.crt", "--insecure", 1)}
	return append(all, far)
}

// pod is the manifest of a stranger.
func (s stranger) pod(image string) string {
	account, sources := "default", ""
	if s.account != "" {
		account = s.account
	}
	if s.audience != "" {
		sources = fmt.Sprintf("{serviceAccountToken: {audience: %s, expirationSeconds: 600, path: token}}", s.audience)
	}
	if s.namespace == "hellox" {
		sources = strings.TrimPrefix(sources+", {configMap: {name: broker-ca}}", ", ")
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: stranger-%s, namespace: %s, labels: {hellox.local/client: "true", stranger: "true"}}
spec:
  restartPolicy: Never
  serviceAccountName: %s
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: stranger
      image: %s
      imagePullPolicy: Never
      args: [watch, %s, %s-t, "hello_world/#", -n, "1", --for=20s, --output=plain]
      env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: identity, mountPath: /identity}]
  volumes: [{name: identity, projected: {sources: [%s]}}]
---
`, s.name, s.namespace, account, image, s.url, s.args, sources)
}

// testKindLoopbackOnly tries from other pods what a user's forward reaches, on the
// pod's address, and the broker's listener for pods: none gets a message but the one
// that is known.
func testKindLoopbackOnly(t *testing.T, r *kindRig) {
	address := func(role string) string {
		return r.kubectl(t, "-n", "hellox", "get", "pods", "-l", "app.kubernetes.io/component="+role, "-o", "jsonpath={.items[0].status.podIP}")
	}
	all := strangers(address("receive"), address("broker"))
	text := ""
	for _, namespace := range []string{"hellox", "default"} {
		text += "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: client, namespace: " + namespace + "}\n---\n"
	}
	for _, s := range all {
		text += s.pod(r.image)
	}
	t.Cleanup(func() {
		for _, namespace := range []string{"hellox", "default"} {
			r.kubectl(t, "-n", namespace, "delete", "pods", "-l", "stranger", "--now")
			r.kubectl(t, "-n", namespace, "delete", "serviceaccount", "client", "--ignore-not-found")
		}
	})
	r.apply(t, "strangers.yaml", text)
	in := 0
	for _, s := range all {
		name, phase := "stranger-"+s.name, ""
		until(t, name+" has ended", func() bool {
			phase = r.kubectl(t, "-n", s.namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}")
			return phase == "Failed" || phase == "Succeeded"
		})
		said := r.kubectl(t, "-n", s.namespace, "logs", name)
		got := phase == "Succeeded" || strings.Contains(said, "Hello world")
		if got && !s.in {
			in++
		}
		if got != s.in {
			t.Errorf("%s, which dials %s: let in %v, want %v: %s", name, s.url, got, s.in, said)
		}
		t.Logf("%s %s: %s", name, phase, strings.TrimSpace(said))
	}
	t.Logf("strangers: %d tried, %d let in", len(all)-1, in)
}
