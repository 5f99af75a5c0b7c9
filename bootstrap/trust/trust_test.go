package trust

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/authority"
	"hellox/bootstrap/kube"
	"hellox/broker/token"
	"hellox/manifests"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// A fakeAPI is an API server of a few objects, by kind and name.
type fakeAPI struct {
	mu      sync.Mutex
	objects map[string]*unstructured.Unstructured
	keys    string
	domain  string
	broken  string // the path that is answered by an error
	patched []string
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.URL.Path == a.broken:
		w.WriteHeader(http.StatusInternalServerError)
	case r.URL.Path == "/api/v1":
		fmt.Fprint(w, `{"resources":[{"name":"secrets","kind":"Secret","namespaced":true},{"name":"configmaps","kind":"ConfigMap","namespaced":true}]}`)
	case r.URL.Path == "/.well-known/openid-configuration":
		fmt.Fprint(w, `{"issuer":"https://kubernetes.default.svc.cluster.local"}`)
	case r.URL.Path == "/openid/v1/jwks":
		fmt.Fprint(w, a.keys)
	case name == "kubeadm-config" && a.domain != "":
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kubeadm-config"},"data":{"ClusterConfiguration":"networking:\n  dnsDomain: %s\n"}}`, a.domain)
	case name == "pods":
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"PodList","items":[
			{"apiVersion":"v1","kind":"Pod","metadata":{"name":"broker-0"},"spec":{"volumes":[{"name":"k","configMap":{"name":"broker-keys"}}]}},
			{"apiVersion":"v1","kind":"Pod","metadata":{"name":"other-0"},"spec":{"volumes":[{"name":"k","configMap":{"name":"other"}}]}}]}`)
	case r.Method == http.MethodPatch:
		a.patched = append(a.patched, name)
		var patch struct{ Data map[string]any }
		_ = json.NewDecoder(r.Body).Decode(&patch)
		if u := a.objects["ConfigMap "+name]; u != nil {
			u.Object["data"] = patch.Data
		}
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q}}`, name)
	default:
		kind := "ConfigMap "
		if strings.Contains(r.URL.Path, "/secrets/") {
			kind = "Secret "
		}
		u := a.objects[kind+name]
		if u == nil {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
			return
		}
		_ = json.NewEncoder(w).Encode(u)
	}
}

// store has the objects of a change in the cluster, as an apply would.
func (a *fakeAPI) store(objects ...*unstructured.Unstructured) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range objects {
		a.objects[u.GetKind()+" "+u.GetName()] = u
	}
}

const (
	keyOne = `{"kty":"EC","kid":"one","crv":"P-256","alg":"ES256","use":"sig","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`
	keyTwo = `{"kty":"EC","kid":"two","crv":"P-256","alg":"ES256","use":"sig","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
)

func newAPI(t *testing.T) (*fakeAPI, *kube.Client) {
	t.Helper()
	a := &fakeAPI{objects: map[string]*unstructured.Unstructured{}, keys: `{"keys":[` + keyOne + `]}`}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	client, err := kube.New(kube.Config{Config: &rest.Config{Host: server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	return a, client
}

// mounting are the objects of a manifest whose pods mount all three.
func mounting(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON([]byte(`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"broker"},"spec":{"template":{"spec":{"volumes":[
		{"name":"tls","secret":{"secretName":"broker-tls"}},
		{"name":"keys","configMap":{"name":"broker-keys"}},
		{"name":"id","projected":{"sources":[{"configMap":{"name":"broker-ca"}}]}}]}}}}`)); err != nil {
		t.Fatal(err)
	}
	return []*unstructured.Unstructured{u}
}

func prepare(t *testing.T, client *kube.Client, rendered []*unstructured.Unstructured, now time.Time) Change {
	t.Helper()
	c, err := Prepare(context.Background(), client, "press", rendered, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func names(c Change) (all string) {
	for _, u := range c.Objects {
		all += u.GetKind() + " " + u.GetName() + ", "
	}
	return all
}

func TestPrepareOnlyWhatIsMounted(t *testing.T) {
	_, client := newAPI(t)
	if c := prepare(t, client, nil, now); len(c.Objects) > 0 || c.Changed {
		t.Errorf("without TLS it brings %s", names(c))
	}
	all := mounting(t)
	if got := names(prepare(t, client, all, now)); got != "ConfigMap broker-keys, Secret broker-tls, ConfigMap broker-ca, " {
		t.Errorf("it brings %s", got)
	}
	manager := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": "broker"}, "spec": map[string]any{"secretName": "broker-tls"},
	}}
	own := []*unstructured.Unstructured{all[0].DeepCopy(), manager}
	volumes := own[0].Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	volumes["volumes"] = volumes["volumes"].([]any)[:2]
	if got := names(prepare(t, client, own, now)); got != "ConfigMap broker-keys, " {
		t.Errorf("beside cert-manager it brings %s", got)
	}
}

// What is good stays as it is; what is not is made anew.
func TestPrepareKeepsWhatIsGood(t *testing.T) {
	a, client := newAPI(t)
	first := prepare(t, client, mounting(t), now)
	if !first.Changed || first.Renewing != nil {
		t.Fatalf("the first: changed %v, renewing %v", first.Changed, first.Renewing)
	}
	a.store(first.Objects...)
	again := prepare(t, client, mounting(t), now.Add(304*day))
	if again.Changed || again.Renewing != nil || !equal(again, first) {
		t.Error("61 days before the end something is made anew")
	}
	if end, err := Expiry(context.Background(), client, "press"); err != nil || !end.Equal(now.Add(authority.Lifetime)) {
		t.Errorf("it ends %s (%v)", end, err)
	}
	gone := prepare(t, client, mounting(t), now.Add(366*day))
	if !gone.Changed || gone.Renewing != nil || equal(gone, first) {
		t.Error("after the end it is not made anew at once")
	}
	for name, spoil := range map[string]func(){
		"no Secret":             func() { delete(a.objects, "Secret broker-tls") },
		"no ConfigMap":          func() { delete(a.objects, "ConfigMap broker-ca") },
		"another authority":     func() { a.store(gone.Objects[2]) },
		"not base64":            func() { a.objects["Secret broker-tls"].Object["data"] = map[string]any{"tls.crt": "%"} },
		"of another domain now": func() { a.domain = "example.org" },
	} {
		a.store(prepare(t, client, mounting(t), now).Objects...)
		spoil()
		c := prepare(t, client, mounting(t), now)
		if !c.Changed || c.Renewing != nil {
			t.Errorf("%s: changed %v, renewing %v", name, c.Changed, c.Renewing != nil)
		}
		a.store(c.Objects...)
		if again := prepare(t, client, mounting(t), now); again.Changed || !equal(again, c) {
			t.Errorf("%s: what was made anew is not good", name)
		}
		a.domain = ""
	}
}

func equal(a, b Change) bool {
	x, err := manifests.YAML(a.Objects)
	y, err2 := manifests.YAML(b.Objects)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// An API server that does not answer is an error: nothing is made anew by guess.
func TestPrepareAsksAgain(t *testing.T) {
	a, client := newAPI(t)
	a.store(prepare(t, client, mounting(t), now).Objects...)
	for _, path := range []string{
		"/.well-known/openid-configuration", "/openid/v1/jwks", "/api/v1/namespaces/press/secrets/broker-tls", "/api/v1/namespaces/press/configmaps/broker-ca",
		"/api/v1/namespaces/press/configmaps/broker-keys", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
	} {
		a.mu.Lock()
		a.broken = path
		a.mu.Unlock()
		if c, err := Prepare(context.Background(), client, "press", mounting(t), now); err == nil {
			t.Errorf("%s does not answer: it brings %s", path, names(c))
		}
	}
}

// A fakeInstallation has two clients and a broker, whose kubelets hand on only some
// questions after each Sync. At every moment each client must trust what the broker shows.
type fakeInstallation struct {
	t       *testing.T
	api     *fakeAPI
	client  *kube.Client
	now     time.Time
	waits   int
	bundles [][]byte // of the clients
	shown   []byte
	kill    func()
	killAt  int  // the call of the renewal at which its process is killed; 0: none
	late    bool // what that call asks for is done all the same
	calls   int
}

// call counts a call, and returns whether it has an effect, and its error.
func (i *fakeInstallation) call() (bool, error) {
	if i.calls++; i.killAt == 0 || i.calls < i.killAt {
		return true, nil
	}
	i.kill()
	return i.late && i.calls == i.killAt, errors.New("killed")
}

func newInstallation(t *testing.T, a *fakeAPI, client *kube.Client, now time.Time) *fakeInstallation {
	s, err := readServing(context.Background(), client, "press")
	if err != nil {
		t.Fatal(err)
	}
	return &fakeInstallation{t: t, api: a, client: client, now: now, bundles: [][]byte{s.Bundle, s.Bundle}, shown: s.Certificate}
}

func (i *fakeInstallation) check(when string) {
	i.t.Helper()
	for n, b := range i.bundles {
		if !trusts(i.t, b, i.shown, i.now) {
			i.t.Errorf("%s: client %d does not trust the broker", when, n)
		}
	}
}

func (i *fakeInstallation) Apply(_ context.Context, u *unstructured.Unstructured) error {
	does, err := i.call()
	if does {
		i.api.store(u)
		i.waits = 0
	}
	return err
}

func (i *fakeInstallation) Sync(context.Context) error {
	does, err := i.call()
	if does {
		i.waits = 2
	}
	return err
}

// step hands on what is stored: to the broker first, then to one client after the other.
func (i *fakeInstallation) step() {
	s, err := readServing(context.Background(), i.client, "press")
	if err != nil {
		i.t.Fatal(err)
	}
	switch {
	case i.waits > 0:
		i.waits--
	case !bytes.Equal(i.shown, s.Certificate):
		i.shown = s.Certificate
	case !bytes.Equal(i.bundles[0], s.Bundle):
		i.bundles[0] = s.Bundle
	default:
		i.bundles[1] = s.Bundle
	}
	i.check("while it renews")
}

func (i *fakeInstallation) Lacking(_ context.Context, hash string) (lacking []string, err error) {
	if _, err := i.call(); err != nil {
		return nil, err
	}
	i.step()
	for n, b := range i.bundles {
		if authority.Hash(b) != hash {
			lacking = append(lacking, fmt.Sprintf("broadcast-%d", n))
		}
	}
	return lacking, nil
}

func (i *fakeInstallation) Shown(context.Context) ([]byte, error) {
	if _, err := i.call(); err != nil {
		return nil, err
	}
	i.step()
	return i.shown, nil
}

func trusts(t *testing.T, bundle, certificate []byte, now time.Time) bool {
	t.Helper()
	leaf, _ := pem.Decode(certificate)
	return leaf != nil && trustsDER(bundle, leaf.Bytes, now)
}

// The up that renews is killed at each of its calls, before and after what the call does,
// and the pods read on for a while: the next up ends it.
func TestRenewal(t *testing.T) {
	for killAt := 0; ; killAt++ { // 0: it is not killed
		killed := false
		for late := range 2 {
			for reads := range 4 {
				killed = testRenewal(t, killAt, late == 1, reads) || killed
			}
		}
		if killAt > 0 && !killed {
			t.Logf("killed at %d calls, before and after each", killAt-1)
			if killAt < 8 {
				t.Errorf("a renewal has %d calls, so that this test proves little", killAt-1)
			}
			return
		}
	}
}

func testRenewal(t *testing.T, killAt int, late bool, reads int) (killed bool) {
	t.Helper()
	when := fmt.Sprintf("killed at %d (late %v, %d reads)", killAt, late, reads)
	a, client := newAPI(t)
	first := prepare(t, client, mounting(t), now)
	a.store(first.Objects...)
	inst := newInstallation(t, a, client, now.Add(306*day))
	inst.killAt, inst.late = killAt, late
	up := func() error {
		c := prepare(t, client, mounting(t), inst.now)
		a.store(c.Objects...)
		inst.check(when + ", after the apply")
		if c.Renewing == nil {
			return nil
		}
		c.Renewing.every = time.Microsecond
		ctx, kill := context.WithCancel(context.Background())
		defer kill()
		inst.kill = kill
		return c.Renewing.Run(ctx, inst, func(string) {})
	}
	if killed = up() != nil; killed {
		inst.killAt = 0
		for range reads {
			inst.step()
		}
		if err := up(); err != nil {
			t.Fatalf("%s: the next up: %v", when, err)
		}
	}
	for range 3 {
		inst.step() // the clients get the last bundle
	}
	if last := prepare(t, client, mounting(t), inst.now); last.Changed || last.Renewing != nil {
		t.Errorf("%s: another renewal follows", when)
	}
	end, err := Expiry(context.Background(), client, "press")
	if err != nil || end.Before(inst.now.Add(364*day)) {
		t.Errorf("%s: it ends %s (%v)", when, end, err)
	}
	if trusts(t, inst.bundles[1], servingOf(t, first).Certificate, inst.now) {
		t.Errorf("%s: the old certificate is trusted still", when)
	}
	return killed
}

func servingOf(t *testing.T, c Change) authority.Serving {
	t.Helper()
	a, client := newAPI(t)
	a.store(c.Objects...)
	s, err := readServing(context.Background(), client, "press")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The file is one that the broker reads, and a key that the cluster no longer has is
// kept for as long as its tokens may be used.
func TestRefreshKeys(t *testing.T) {
	a, client := newAPI(t)
	pods := Pods{Client: client, Namespace: "press"}
	ctx := context.Background()
	if changed, err := RefreshKeys(ctx, pods, now); changed || err != nil {
		t.Errorf("without an installation: %v, %v", changed, err)
	}
	a.store(prepare(t, client, mounting(t), now).Objects...)
	file := func() string { return dataOf(a.objects["ConfigMap broker-keys"], KeysFile) }
	keys, err := token.ParseKeys([]byte(file()))
	if err != nil || keys.Audience != Audience || keys.Namespace != "press" || keys.Issuer != "https://kubernetes.default.svc.cluster.local" {
		t.Fatalf("the broker reads %+v, %v", keys, err)
	}
	for _, step := range []struct {
		name     string
		keys     string
		at       time.Duration
		changed  bool
		one, two bool
	}{
		{"the same", keyOne, time.Minute, false, true, false},
		{"a second key", keyOne + "," + keyTwo, 2 * time.Minute, true, true, true},
		{"the first is gone", keyTwo, time.Hour, true, true, true},
		{"soon after", keyTwo, time.Hour + 69*time.Minute, false, true, true},
		{"no token of it is left", keyTwo, time.Hour + 70*time.Minute, true, false, true},
	} {
		a.mu.Lock()
		a.keys, a.patched = `{"keys":[`+step.keys+`]}`, nil
		a.mu.Unlock()
		changed, err := RefreshKeys(ctx, pods, now.Add(step.at))
		if err != nil || changed != step.changed {
			t.Errorf("%s: changed %v, %v", step.name, changed, err)
		}
		if step.changed && strings.Join(a.patched, " ") != "broker-keys broker-0" {
			t.Errorf("%s: patched %v, want the keys, and the pod that mounts them", step.name, a.patched)
		}
		if got := file(); strings.Contains(got, `"one"`) != step.one || strings.Contains(got, `"two"`) != step.two {
			t.Errorf("%s: %s", step.name, got)
		}
		if _, err := token.ParseKeys([]byte(file())); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}

// A kubelet that lost its API server while that got its new keys knows nothing of them: it
// is asked until the broker reports them.
func TestKeysAreHandedOnAgain(t *testing.T) {
	a, client := newAPI(t)
	pods := Pods{Client: client, Namespace: "press"}
	if !handOnKeys(t.Context(), pods) || len(a.patched) > 0 {
		t.Errorf("without an installation %v is patched", a.patched)
	}
	a.store(prepare(t, client, mounting(t), now).Objects...)
	for range 2 { // broker-0 is no pod that runs: it reports nothing
		if handOnKeys(t.Context(), pods) {
			t.Error("a broker that reports no keys is taken for one that has them")
		}
	}
	if got := strings.Join(a.patched, " "); got != "broker-0 broker-0" {
		t.Errorf("patched %q, want the pod that mounts the keys, each time", got)
	}
	a.mu.Lock()
	a.broken = "/api/v1/namespaces/press/configmaps/broker-keys"
	a.mu.Unlock()
	if handOnKeys(t.Context(), pods) {
		t.Error("what an API server that does not answer has is taken for handed on")
	}
}

func TestReportedBundle(t *testing.T) {
	for text, want := range map[string]string{
		"# HELP x\nhellox_ca_bundle_info{sha256=\"ab12\"} 1\nother 2\n":       "ab12",
		"hellox_ca_bundle_info{role=\"receive\",sha256=\"ab12\",x=\"y\"} 1\n": "ab12",
		"hellox_ca_bundle_info{sha256=\"ab12\"} 0\n":                          "",
		"xhellox_ca_bundle_info{sha256=\"ab12\"} 1\n":                         "",
	} {
		got := ""
		if m := reportedBundle.FindStringSubmatch(text); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%q reports %q, want %q", text, got, want)
		}
	}
}
