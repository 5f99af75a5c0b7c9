package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hellox/stream"
	"hellox/web/login"
)

// nodeAddress is where the node's ports are.
func (r *kindRig) nodeAddress(t *testing.T) string {
	t.Helper()
	return r.kubectl(t, "get", "node", r.node, "-o", `jsonpath={.status.addresses[?(@.type=="InternalIP")].address}`)
}

// certifyPage brings the certificate that the component page-nodeport asks for, for the
// address of the node, and returns the authority of it.
func (r *kindRig) certifyPage(t *testing.T) (authority string) {
	t.Helper()
	dir := filepath.Join(r.dir, "page-certs")
	r.run(t, "certs", dir, "--host", r.nodeAddress(t))
	r.kubectl(t, "-n", "hellox", "create", "secret", "tls", "page-tls", "--cert", filepath.Join(dir, "server.crt"), "--key", filepath.Join(dir, "server.key"))
	return filepath.Join(dir, "ca.crt")
}

// testKindMQTTNodePort comes to the broker from outside of the cluster, by the node's
// port, as docs/own-manifests.md has it: with the token of a pod.
func testKindMQTTNodePort(t *testing.T, r *kindRig, pod string) {
	node, token := r.nodeAddress(t), r.token(t, "client", pod)
	ca, secret := filepath.Join(r.dir, "broker-ca.crt"), filepath.Join(r.dir, "token-of-"+pod)
	for path, text := range map[string]string{ca: r.kubectl(t, "-n", "hellox", "get", "configmap", "broker-ca", "-o", `jsonpath={.data.ca\.crt}`), secret: token} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Mosquitto's clients cannot be told under which name a certificate is; they still
	// verify it, and its authority has signed this one alone.
	mosquitto := func(program string, args ...string) []string {
		return append([]string{program, "-V", "mqttv5", "-h", node, "-p", "30883", "--cafile", ca, "--insecure"}, args...)
	}
	known := []string{"-u", pod, "-P", token, "-q", "1"}
	sub := mosquitto("mosquitto_sub", append(known, "-i", "outside", "-t", "hello_world/client/outside", "-C", "2", "-W", "60", "-F", "%p")...)
	heard := begin(t, r.program(sub[0], sub[1:]...))
	pub := mosquitto("mosquitto_pub", append(known, "-r", "-t", "hello_world/client/outside", "-m", "by mosquitto")...)
	r.do(t, r.program(pub[0], pub[1:]...))
	r.run(t, "publish", "by hellox", "--retain", "--topic", "hello_world/client/outside", "--broker", "mqtts://"+node+":30883",
		"--server-name", "broker.hellox.svc", "--ca", ca, "--user", pod, "--password-file", secret)
	if got := heard.end(t, 2*time.Minute); !strings.Contains(got, "by hellox") {
		t.Errorf("by the node's port mosquitto_sub heard %q", got)
	}
	until(t, "the history has what came by the node's port", func() bool {
		all := r.messages(t, 0, map[string][]string{"topic": {"hello_world/client/outside"}})
		return len(all) >= 2 && string(all[len(all)-1].Payload) == "by hellox"
	})
	other := filepath.Join(r.dir, "page-certs", "ca.crt")
	refused := map[string][]string{
		"no token":            mosquitto("mosquitto_pub", "-q", "1", "-t", "hello_world/client/outside", "-m", "x"),
		"another pod's token": mosquitto("mosquitto_pub", "-u", "ears-0", "-P", token, "-q", "1", "-t", "hello_world/client/outside", "-m", "x"),
		"another authority":   append(mosquitto("mosquitto_pub", append(known, "-t", "hello_world/client/outside", "-m", "x")...), "--cafile", other),
		"without TLS":         {"mosquitto_pub", "-h", node, "-p", "30883", "-u", pod, "-P", token, "-q", "1", "-t", "hello_world/client/outside", "-m", "x"},
		"another name":        {"mosquitto_pub", "-h", node, "-p", "30883", "--cafile", ca, "-u", pod, "-P", token, "-q", "1", "-t", "hello_world/client/outside", "-m", "x"},
	}
	for name, args := range refused {
		code, _, said := outcome(t, r.program(args[0], args[1:]...))
		if code == 0 {
			t.Errorf("by the node's port, %s: it is let in", name)
		}
		t.Logf("by the node's port, %s: %d %s", name, code, strings.TrimSpace(said))
	}
}

// loginCode is in the log of a receiver that serves the page beyond its pod.
var loginCode = regexp.MustCompile(`"url":"https://[^"]+/login#([A-Z2-7]+)"`)

// testKindPageNodePort opens the page from outside of the cluster, by the node's port: it
// has TLS and a login.
func testKindPageNodePort(t *testing.T, r *kindRig, authority string) {
	text, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	address := "https://" + r.nodeAddress(t) + ":30843"
	var cookie *http.Cookie
	key := ""
	ask := func(method, path, body string) (int, string, *http.Response) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		if cookie != nil {
			request.AddCookie(cookie)
			request.Header.Set(login.Header, key)
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		all, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(all), answer
	}
	if code, said, _ := ask("GET", "/api/messages?limit=1", ""); code != http.StatusUnauthorized || strings.Contains(said, "Hello") {
		t.Errorf("by the node's port, without a login: %d %s", code, said)
	}
	if code, said, _ := ask("POST", "/api/login/code", "{}"); code != http.StatusOK {
		t.Errorf("a new code: %d %s", code, said)
	}
	found := loginCode.FindAllStringSubmatch(r.kubectl(t, "-n", "hellox", "logs", "deployment/receive"), -1)
	if len(found) == 0 {
		t.Fatal("the receiver's log has no code")
	}
	code, said, answer := ask("POST", "/api/login", fmt.Sprintf(`{"code":%q}`, found[len(found)-1][1]))
	var in struct{ Key string }
	if code != http.StatusOK || json.Unmarshal([]byte(said), &in) != nil || len(answer.Cookies()) != 1 {
		t.Fatalf("a login by the node's port: %d %s", code, said)
	}
	cookie, key = answer.Cookies()[0], in.Key
	code, said, _ = ask("GET", "/api/messages?limit=1", "")
	var page struct{ Messages []stream.Message }
	if code != http.StatusOK || json.Unmarshal([]byte(said), &page) != nil || len(page.Messages) != 1 {
		t.Errorf("by the node's port, after a login: %d %s", code, said)
	}
	plain := &http.Client{Timeout: 30 * time.Second}
	if answer, err := plain.Get("http" + strings.TrimPrefix(address, "https") + "/"); err == nil {
		answer.Body.Close()
		if answer.StatusCode < 400 {
			t.Errorf("without TLS the page's port answers %d", answer.StatusCode)
		}
	}
	t.Logf("the page by the node's port: 401 without a login, and after one message %d", page.Messages[0].ID)
}
