package main

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/install"
)

// A secret is what must stand nowhere but in the Secret, and in the pods that mount it.
type secrets []string

// secretsOf are the broker's key, as PEM and as the Secret has it, and every token that
// the node's kubelet has put into one of the pods.
func (r *kindRig) secretsOf(t *testing.T) (key, tokens secrets) {
	t.Helper()
	encoded := r.kubectl(t, "-n", "hellox", "get", "secret", "broker-tls", "-o", `jsonpath={.data.tls\.key}`)
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	key = secrets{encoded[40:100]}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "-") {
			key = append(key, strings.TrimSpace(line))
		}
	}
	for uid := range r.pods(t) {
		found := r.onNode(t, "sh", "-c", `find /var/lib/kubelet/pods/"$0"/volumes -name token -exec cat {} ';' -exec echo ';'`, uid)
		tokens = append(tokens, strings.Fields(found)...)
	}
	slices.Sort(tokens) // each stands there twice, as a file and as a link
	return key, slices.Compact(tokens)
}

// in returns how often a text has one of them.
func (s secrets) in(text string) (n int) {
	for _, one := range s {
		n += strings.Count(text, one)
	}
	return n
}

// testKindSecrets looks for the broker's key and the pods' tokens wherever else they
// could stand: arguments and environment of every process on the node, logs, events,
// objects, what hellox prints and what it stores.
func testKindSecrets(t *testing.T, r *kindRig) {
	r.run(t, r.up()...) // another program may be there, and the up below would replace the pods
	key, tokens := r.secretsOf(t)
	if len(tokens) < 3 { // broker-0 has none
		t.Fatalf("%d tokens of pods", len(tokens))
	}
	all := slices.Concat(key, tokens)
	for _, token := range tokens { // the part that is secret, too
		all = append(all, token[strings.LastIndexByte(token, '.')+1:])
	}
	flags := []string{"--target", "kind", "--profile", r.cluster}
	hellox := func(args ...string) string {
		out, said := r.run(t, args...)
		return out + said
	}
	places := map[string]string{
		"the arguments of processes":   r.onNode(t, "sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; true"),
		"the environment of processes": r.onNode(t, "sh", "-c", "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; true"),
		"logs":                         r.kubectl(t, "-n", "hellox", "logs", "-l", "app.kubernetes.io/part-of=hellox", "--tail=-1", "--max-log-requests=99"),
		"events":                       r.kubectl(t, "get", "events", "-A", "-o", "yaml"),
		"the objects":                  r.kubectl(t, "-n", "hellox", "get", "all,configmaps,leases,serviceaccounts,networkpolicies,persistentvolumeclaims,endpointslices", "-o", "yaml"),
		"manifests":                    hellox("manifests"),
		"manifests --jwks":             hellox(append([]string{"manifests", "--jwks"}, flags...)...),
		"status":                       hellox(append([]string{"status", "--output", "json"}, flags...)...),
		"doctor":                       hellox(append([]string{"doctor"}, flags...)...),
		"an up":                        hellox(r.up("--output", "json")...),
		"hellox logs":                  hellox("logs", "broker"),
		"the folder of hellox":         filesIn(t, filepath.Join(r.dir, "state")),
	}
	hits := 0
	for _, place := range slices.Sorted(maps.Keys(places)) {
		text := places[place]
		n := all.in(text) + strings.Count(text, "PRIVATE KEY--")
		hits += n
		if n > 0 || text == "" {
			t.Errorf("%s (%d bytes) has a secret %d times", place, len(text), n)
		}
	}
	// The same search finds each where it belongs.
	control := key.in(r.kubectl(t, "-n", "hellox", "get", "secret", "broker-tls", "-o", "yaml"))
	mounted := tokens.in(r.onNode(t, "sh", "-c", "cat /proc/[0-9]*/root/identity/token 2>/dev/null; true"))
	if control == 0 || mounted < len(tokens) {
		t.Errorf("the search finds the key in its Secret %d times, and %d of %d tokens in the pods", control, mounted, len(tokens))
	}
	t.Logf("%d secrets in %d places: %d hits", len(all), len(places), hits)
}

// filesIn are the contents of all files below a folder.
func filesIn(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// discovery is what a ServiceAccount without any right may do: ask who it is and what it
// may, and which API there is.
var discovery = regexp.MustCompile(`^(selfsubject\S+ .*\[create\]|\[.*\] +\[\] +\[get\])$`)

// testKindAPIRights tries what the pods' accounts and tokens are worth at the API server,
// and whether a pod that may do more is admitted beside them.
func testKindAPIRights(t *testing.T, r *kindRig) {
	// Those that there are, the default one too, and those of components.
	accounts := strings.Fields(r.kubectl(t, "-n", "hellox", "get", "serviceaccounts", "-o", "jsonpath={.items[*].metadata.name}"))
	for _, role := range []string{install.RoleBroker, install.RoleReceive, install.RoleBroadcast, "broadcasters", "default"} {
		if !slices.Contains(accounts, role) {
			t.Errorf("of the ServiceAccounts %v none is %s", accounts, role)
		}
	}
	for _, account := range append(accounts, "client") {
		may := r.kubectl(t, "-n", "hellox", "auth", "can-i", "--list", "--as=system:serviceaccount:hellox:"+account,
			"--as-group=system:serviceaccounts", "--as-group=system:serviceaccounts:hellox", "--as-group=system:authenticated")
		lines := strings.Split(may, "\n")[1:]
		for _, line := range lines {
			line = strings.Join(strings.Fields(line), " ")
			if !discovery.MatchString(line) {
				t.Errorf("ServiceAccount %s may: %s", account, line)
			}
		}
		t.Logf("ServiceAccount %s: %d rules, each to ask about itself or the API", account, len(lines))
	}

	_, tokens := r.secretsOf(t)
	text := r.apiStatus(t, r.kubectl(t, "-n", "hellox", "create", "token", "broadcast"))
	if text != http.StatusForbidden {
		t.Errorf("with a token that is for the API server it answers %d, want 403", text)
	}
	accepted := 0
	for _, token := range tokens {
		if code := r.apiStatus(t, token); code != http.StatusUnauthorized {
			accepted++
			t.Errorf("with a token out of a pod the API server answers %d, want 401", code)
		}
	}
	t.Logf("%d tokens out of pods, %d accepted by the API server", len(tokens), accepted)

	const privileged = `{"spec":{"containers":[{"name":"c","image":"x","securityContext":{"privileged":true}}]}}`
	code, _, said := outcome(t, r.program("kubectl", "--context", "kind-"+r.cluster, "-n", "hellox", "run", "intruder", "--image", "x", "--overrides", privileged))
	if code == 0 || !strings.Contains(said, "violates PodSecurity") {
		t.Errorf("a privileged pod is admitted: %d, %s", code, said)
	}
	t.Log(strings.TrimSpace(said))

	for _, path := range []string{"api/messages", "api/stats", "debug/pprof/", "config", ""} {
		code, _, said := outcome(t, r.program("kubectl", "--context", "kind-"+r.cluster, "get", "--raw", "/api/v1/namespaces/hellox/pods/broadcast-0:9000/proxy/"+path))
		if code == 0 || !strings.Contains(said, "NotFound") && !strings.Contains(said, "not find") {
			t.Errorf("the ops port answers /%s: %d, %s", path, code, said)
		}
	}
}

// apiStatus is what the API server answers to a list of pods with that token alone.
func (r *kindRig) apiStatus(t *testing.T, token string) int {
	t.Helper()
	config := rest.AnonymousClientConfig(r.restConfig(t))
	config.BearerToken = token
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Get(fmt.Sprintf("%s/api/v1/namespaces/hellox/pods", config.Host))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}
