package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"hellox/bootstrap/authority"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// loadPerSecond is how many messages a second the broadcasters send while something
// happens to what they are trusted by.
const loadPerSecond = 200

// testKindTrust looks for what is secret, tries who may do what, and changes, under load,
// by what broker and pods trust each other: no message may be missing afterwards.
// HELLOX_E2E_BROADCASTERS is the number of broadcasters. With HELLOX_E2E_TRUST=all up is
// killed at each step of a renewal, and the keys are changed without one, too.
func testKindTrust(t *testing.T, r *kindRig) {
	n := 5
	if given := os.Getenv("HELLOX_E2E_BROADCASTERS"); given != "" {
		var err error
		if n, err = strconv.Atoi(given); err != nil {
			t.Fatal(err)
		}
	}
	r.browser.open(t, r.page)
	r.run(t, "scale", strconv.Itoa(n), "--profile", r.cluster)
	r.goesOn(t, "scale")
	t.Run("secrets", func(t *testing.T) { testKindSecrets(t, r) })
	t.Run("API of a pod", func(t *testing.T) { testKindAPIRights(t, r) })
	t.Run("rights", func(t *testing.T) { testKindRights(t, r) })
	t.Run("on the wire", func(t *testing.T) { testKindWire(t, r) })
	t.Run("a program in Python", func(t *testing.T) { testKindPython(t, r) })
	t.Run("programs without TLS", func(t *testing.T) { testKindPlain(t, r) })
	t.Run("renewal", func(t *testing.T) { testKindRenewal(t, r) })
	t.Run("certificates that are over", func(t *testing.T) { testKindExpired(t, r) })
	t.Run("keys of the cluster", func(t *testing.T) { testKindKeys(t, r) })
}

// everyMoment reports whether all is tried, which takes minutes more.
func everyMoment() bool { return os.Getenv("HELLOX_E2E_TRUST") == "all" }

// A load is broadcasters that send loadPerSecond messages a second together.
type load struct {
	mark  int64 // the newest message before
	began time.Time
}

// load has all broadcasters send so much. One that is started anew has its own interval.
func (r *kindRig) load(t *testing.T) load {
	t.Helper()
	there := r.senders()
	each := (time.Second * time.Duration(len(there)) / loadPerSecond).String()
	for _, name := range slices.Sorted(maps.Keys(there)) {
		r.run(t, "tell", name, "interval", each, each, "--profile", r.cluster)
	}
	return load{r.newest(), time.Now()}
}

// whole checks that nothing is missing and nothing came twice since the load began.
func (r *kindRig) whole(t *testing.T, l load, happened string) {
	t.Helper()
	r.goesOn(t, happened)
	all := r.messages(t, l.mark, nil)
	checkNoGaps(t, all)
	t.Logf("%s: %.0f messages a second for %s", happened, float64(len(all))/time.Since(l.began).Seconds(), time.Since(l.began).Round(time.Second))
}

// restConfig is how the cluster's API server is reached.
func (r *kindRig) restConfig(t *testing.T) *rest.Config {
	t.Helper()
	text, _ := r.do(t, r.program("kubectl", "config", "view", "--raw", "--minify", "--context", "kind-"+r.cluster))
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func (r *kindRig) client(t *testing.T) *kube.Client {
	t.Helper()
	client, err := kube.New(kube.Config{Config: r.restConfig(t)})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// stored is a value of an object of the installation.
func stored(ctx context.Context, client *kube.Client, kind, name, key string) (string, error) {
	_, u, err := client.Get(ctx, kube.Ref{APIVersion: "v1", Kind: kind, Namespace: "hellox", Name: name})
	if err != nil || u == nil {
		return "", fmt.Errorf("%s %s: %w", kind, name, err)
	}
	text, _, err := unstructured.NestedString(u.Object, "data", key)
	return text, err
}

// served is what is stored of the installation's certificates; that of the broker is in
// base64.
func served(ctx context.Context, client *kube.Client) (s authority.Serving, err error) {
	bundle, err := stored(ctx, client, "ConfigMap", manifests.BrokerCA, "ca.crt")
	if err != nil {
		return s, err
	}
	certificate, err := stored(ctx, client, "Secret", manifests.BrokerTLS, "tls.crt")
	return authority.Serving{Bundle: []byte(bundle), Certificate: []byte(certificate)}, err
}

// age has the installation hold a certificate and an authority of that age, as if it had
// been made then, and waits until broker and clients have them. Connections stay.
func (r *kindRig) age(t *testing.T, age time.Duration) {
	t.Helper()
	issued, err := authority.Issue(authority.Scope{Namespace: "hellox"}, "broker", time.Now().Add(-age))
	if err != nil {
		t.Fatal(err)
	}
	patch := func(kind, name, data string) {
		t.Helper()
		r.kubectl(t, "-n", "hellox", "patch", kind, name, "--type", "merge", "-p", `{"data":`+data+`}`)
	}
	encoded := base64.StdEncoding.EncodeToString
	// Both at once: who is connected stays so, and who is not tries again.
	patch("secret", manifests.BrokerTLS, fmt.Sprintf(`{"tls.crt":%q,"tls.key":%q}`, encoded(issued.Certificate), encoded(issued.Key)))
	patch("configmap", manifests.BrokerCA, fmt.Sprintf(`{"ca.crt":%q}`, issued.Authority))
	r.kubectl(t, "-n", "hellox", "annotate", "pods", "--all", "--overwrite", "looked-after="+strconv.FormatInt(time.Now().UnixNano(), 36))
	client, hash := r.client(t), authority.Hash(issued.Authority)
	for _, pod := range r.pods(t) {
		if strings.HasPrefix(pod, "broadcast-") || strings.HasPrefix(pod, "receive-") {
			until(t, pod+" has loaded the authority", func() bool { return reports(t.Context(), client, pod, hash) })
		}
	}
	if s := r.status(t, "hellox"); s.Certificates == nil || !s.Certificates.Due {
		t.Errorf("with a certificate of %s status tells %+v", age, s.Certificates)
	}
}

// reports reports whether a pod's metrics have the hash of a file that it has loaded.
func reports(ctx context.Context, client *kube.Client, pod, hash string) bool {
	text, err := client.REST.Get().AbsPath("/api/v1/namespaces/hellox/pods/" + pod + ":9000/proxy/metrics").DoRaw(ctx)
	return err == nil && strings.Contains(string(text), hash)
}

// nearEnd is the age of a certificate that has 59 days left.
const nearEnd = authority.Lifetime - 59*24*time.Hour

// testKindRenewal renews a certificate under load, and has up killed meanwhile: the next
// one ends what was begun.
func testKindRenewal(t *testing.T, r *kindRig) {
	l := r.load(t)
	r.age(t, nearEnd)
	l.began, l.mark = time.Now(), r.newest()
	began := time.Now()
	_, said := r.run(t, r.up()...)
	contains(t, "up", said, "certificates renewed")
	r.whole(t, l, "a renewal")
	t.Logf("up with a renewal took %s", time.Since(began).Round(100*time.Millisecond))
	if s := r.status(t, "hellox"); s.Certificates == nil || s.Certificates.Due {
		t.Errorf("after the renewal status tells %+v", s.Certificates)
	}

	client := r.client(t)
	cuts := renewalCuts(t.Context(), client)
	if !everyMoment() {
		cuts = cuts[2:3]
	}
	for _, cut := range cuts {
		l := r.load(t)
		r.age(t, nearEnd)
		before, err := served(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		up := begin(t, r.program(r.hellox, r.up("--output", "json")...))
		until(t, cut.when, func() bool {
			s, err := served(t.Context(), client)
			return err == nil && cut.now(before, s)
		})
		up.kill()
		s, err := served(t.Context(), client)
		t.Logf("up was killed when %s; it had said:\n%s", cut.when, &up.out)
		if err != nil || !cut.now(before, s) {
			t.Errorf("it was killed too late: the state was another one already (%v)", err)
		}
		r.goesOn(t, "up was killed when "+cut.when)
		_, said := r.run(t, r.up()...)
		if !cut.ended {
			contains(t, "the up after that", said, "certificates renewed")
		}
		s, err = served(t.Context(), client)
		if err != nil || authorities(s.Bundle) != 1 || bytes.Equal(s.Certificate, before.Certificate) {
			t.Errorf("after the next up there are %d authorities (%v)", authorities(s.Bundle), err)
		}
		if _, said := r.run(t, r.up()...); strings.Contains(said, "certificates renewed") {
			t.Errorf("and it is renewed again:\n%s", said)
		}
		r.whole(t, l, "up was killed when "+cut.when)
	}
}

// testKindExpired has certificate and authority end, as in an installation that no up
// came to for a year. The broker that runs keeps the ones that it has, which are not over
// here; the next one has none else. Who connects to that says why it cannot, and an up
// cures it.
func testKindExpired(t *testing.T, r *kindRig) {
	l := r.load(t)
	r.age(t, authority.Lifetime+24*time.Hour)
	text, _ := r.run(t, "status", "--target", "kind", "--profile", r.cluster, "--namespace", "hellox")
	contains(t, "status", text, "certificates: they ended on ", "hellox up ", " renews them")
	r.deletePods(t, "broker")
	until(t, "a broadcaster that connects says that the certificate is over", func() bool {
		out, err := r.program("kubectl", "--context", "kind-"+r.cluster, "-n", "hellox", "logs", "broadcast-1").CombinedOutput()
		return err == nil && strings.Contains(string(out), "was valid until")
	})
	began := time.Now()
	r.run(t, r.up()...)
	t.Logf("up with certificates that were over took %s", time.Since(began).Round(100*time.Millisecond))
	r.whole(t, l, "certificates that were over")
	if s := r.status(t, "hellox"); s.Certificates == nil || s.Certificates.Due {
		t.Errorf("after an up status tells %+v", s.Certificates)
	}
}

// A renewalCut is a moment of a renewal, by what is stored.
type renewalCut struct {
	when  string
	now   func(before, s authority.Serving) bool
	ended bool // nothing is left to do
}

func authorities(bundle []byte) int { return bytes.Count(bundle, []byte("BEGIN CERTIFICATE")) }

func renewalCuts(ctx context.Context, client *kube.Client) []renewalCut {
	shows := func(before, s authority.Serving) bool { return !bytes.Equal(before.Certificate, s.Certificate) }
	joined := func(before, s authority.Serving) bool { return authorities(s.Bundle) == 2 && !shows(before, s) }
	return []renewalCut{
		{when: "the new authority was stored", now: joined},
		{when: "a pod had loaded the new authority", now: func(before, s authority.Serving) bool {
			return joined(before, s) && reports(ctx, client, "broadcast-0", authority.Hash(s.Bundle))
		}},
		{when: "the new certificate was stored", now: func(before, s authority.Serving) bool { return authorities(s.Bundle) == 2 && shows(before, s) }},
		{when: "the old authority was dropped", ended: true, now: func(before, s authority.Serving) bool {
			return authorities(s.Bundle) == 1 && shows(before, s)
		}},
	}
}
