package manifests

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// argsOf returns the arguments of every container, a line each.
func argsOf(objects []*unstructured.Unstructured) string {
	var b strings.Builder
	for _, u := range objects {
		eachContainer(u.Object, func(container map[string]any) {
			list, _ := container["args"].([]any)
			for _, a := range list {
				text, _ := a.(string)
				b.WriteString(text + "\n")
			}
		})
	}
	return b.String()
}

// mountedBy returns what the pods of the objects mount of what up brings.
func mountedBy(objects []*unstructured.Unstructured) (mounted []string) {
	for _, u := range objects {
		EachMounted(u.Object, func(kind, name string) {
			if strings.HasPrefix(name, "broker-") {
				mounted = append(mounted, u.GetName()+" "+kind+" "+name)
			}
		})
	}
	slices.Sort(mounted)
	return mounted
}

// Only the component plain has a listener without TLS beyond loopback, or speaks with one.
func TestOnlyPlainIsPlain(t *testing.T) {
	for name, objects := range everyOverlay(t) {
		args := argsOf(objects)
		plain := strings.Contains(args, "--insecure") || strings.Contains(args, "=mqtt://broker") || strings.Contains(args, "=mqtt://0.0.0.0")
		if plain != (name == "plain") {
			t.Errorf("%s: plain %v:\n%s", name, plain, args)
		}
		mounted := len(mountedBy(objects))
		if (mounted == 0) != (name == "plain") {
			t.Errorf("%s: its pods mount %v", name, mountedBy(objects))
		}
	}
	want := []string{"broadcast ConfigMap broker-ca", "broker ConfigMap broker-keys", "broker Secret broker-tls", "receive ConfigMap broker-ca"}
	if got := mountedBy(render(t, Options{Namespace: here})); !slices.Equal(got, want) {
		t.Errorf("the base mounts %v, want %v", got, want)
	}
}

// A broker without TLS is reached from within the cluster alone: what opens it beyond is
// refused, with the Service that does it.
func TestPlainIsNotBeyondTheCluster(t *testing.T) {
	const beyond = `apiVersion: v1
kind: Service
metadata: {name: mine}
spec: {type: LoadBalancer, selector: {app.kubernetes.io/component: broker}, ports: [{port: 1883, targetPort: 8883}]}
---
`
	patched := func(components, patch string) string {
		dir := overlayWith(t, "plain")
		text := "resources: [base]\ncomponents: [" + components + "]\npatches:\n- target: {kind: Service, name: broker}\n  patch: |\n    - " + patch + "\n"
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	own := map[string]string{"kustomization.yaml": "resources: [press.yaml]\n", "press.yaml": beyond + press}
	known := map[string]string{"kustomization.yaml": "resources: [press.yaml]\n", "press.yaml": beyond + press + "      volumes: [{name: ca, configMap: {name: broker-ca}}]\n"}
	for name, c := range map[string]struct {
		dir     string
		service string // that is refused; "": none is
		hint    string
	}{
		"plain":                      {overlayWith(t, "plain"), "", ""},
		"plain, page on a port":      {overlayWith(t, "plain", "page-nodeport"), "", ""},
		"TLS on a port":              {overlayWith(t, "mqtt-nodeport"), "", ""},
		"plain, then a port":         {overlayWith(t, "plain", "mqtt-nodeport"), "mqtt", "components/plain"},
		"a port, then plain":         {overlayWith(t, "mqtt-nodeport", "plain"), "mqtt", "components/plain"},
		"the broker's own, on nodes": {patched("components/plain", "{op: add, path: /spec/type, value: NodePort}"), "broker", "components/plain"},
		"an external address":        {patched("components/plain", "{op: add, path: /spec/externalIPs, value: [192.0.2.7]}"), "broker", "components/plain"},
		"the user's own, plain":      {folderOf(t, own), "mine", "component client"},
		"the user's own, with TLS":   {folderOf(t, known), "", ""},
	} {
		_, err := Render(Options{Namespace: here, Overlay: c.dir})
		e, refused := errors.AsType[*FolderError](err)
		switch {
		case err == nil && c.service == "":
		case refused && e.Open && c.service != "" && strings.HasPrefix(e.Sentence, "Service "+c.service+" ") && strings.Contains(e.hint, c.hint):
		default:
			t.Errorf("%s: %v, want Service %q to be refused", name, err, c.service)
		}
	}
}

// In any order with page-nodeport the receiver has the page's listener and certificate, and
// speaks to the broker as plain has it.
func TestPlainLeavesThePage(t *testing.T) {
	for i, components := range [][]string{{"plain", "page-nodeport"}, {"page-nodeport", "plain"}, {"page-ingress", "plain"}, {"page-tls", "plain"}} {
		deployment := find(t, render(t, Options{Namespace: here, Overlay: overlayWith(t, components...)}), "Deployment", "receive")
		got := strings.Fields(argsOf([]*unstructured.Unstructured{{Object: deployment}}))
		want := []string{
			"receive", "--broker=mqtt://broker:8883", "--listen=127.0.0.1:8420", "--history=sqlite:/data/history/history.db",
			"--ops-listen=:9000", "--listen=0.0.0.0:8443", "--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key",
		}
		if i < 3 { // the login's URL has the port that browsers come by
			want = append(want, map[bool]string{true: "--login-port=443", false: "--login-port=30843"}[i == 2])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: the receiver runs with\n%v, want\n%v", components, got, want)
		}
	}
}

// The component cert-manager brings a certificate for the namespace it is rendered for,
// and the pods trust the authority of its Secret.
func TestCertManager(t *testing.T) {
	objects := render(t, Options{Namespace: here, Overlay: overlayWith(t, "cert-manager")})
	names, _, _ := unstructured.NestedStringSlice(find(t, objects, "Certificate", "broker"), "spec", "dnsNames")
	if want := []string{"broker.press.svc", "broker.press.svc.cluster.local"}; !slices.Equal(names, want) {
		t.Errorf("the certificate is for %v, want %v", names, want)
	}
	want := []string{"broadcast Secret broker-tls", "broker ConfigMap broker-keys", "broker Secret broker-tls", "receive Secret broker-tls"}
	if got := mountedBy(objects); !slices.Equal(got, want) {
		t.Errorf("it mounts %v, want %v", got, want)
	}
}

// A workload of the user's own with the component client has what it needs, and keeps
// what it had, whether it has the lists or none; one without the label is left as it is.
func TestClient(t *testing.T) {
	const none, empty, some = "{name: app, image: app}]", "{name: app, image: app, env: [], volumeMounts: []}]\n      volumes: []",
		"{name: app, image: app, env: [{name: A, value: b}], volumeMounts: [{name: own, mountPath: /own}]}, {name: other, image: app}]\n      volumes: [{name: own, emptyDir: {}}]"
	app := func(kind, name, label, lists string) string {
		version := map[bool]string{true: "batch/v1", false: "apps/v1"}[kind == "Job"]
		return "apiVersion: " + version + "\nkind: " + kind + "\nmetadata: {name: " + name + ", labels: {" + label + `}}
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata: {labels: {app: ` + name + `}}
    spec:
      containers: [` + lists + "\n---\n"
	}
	const label = `hellox.local/client: "true"`
	dir, text := overlayWith(t, "client"), app("Deployment", "two", "app: two", some)
	labelled := map[string]struct{ kind, lists string }{
		"none": {"Deployment", none}, "empty": {"Deployment", empty}, "some": {"Deployment", some},
		"stateful": {"StatefulSet", none}, "daemon": {"DaemonSet", none}, "job": {"Job", some},
	}
	for name, w := range labelled {
		text += app(w.kind, name, label, w.lists)
	}
	for name, text := range map[string]string{
		"app.yaml":           text + "apiVersion: v1\nkind: Service\nmetadata: {name: two, labels: {" + label + "}}\nspec: {ports: [{port: 1}]}\n",
		"kustomization.yaml": "resources: [base, app.yaml]\ncomponents: [components/client]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	objects := render(t, Options{Namespace: here, Overlay: dir})
	mounted := mountedBy(objects)
	for name, w := range labelled {
		pod := corev1.PodTemplateSpec{}
		object, _, _ := unstructured.NestedMap(find(t, objects, w.kind, name), "spec", "template")
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &pod); err != nil {
			t.Fatal(err)
		}
		if pod.Spec.ServiceAccountName != "client" || *pod.Spec.AutomountServiceAccountToken || pod.Labels["hellox.local/client"] != "true" || pod.Labels["app"] != name {
			t.Errorf("%s: it runs as %q with labels %v", name, pod.Spec.ServiceAccountName, pod.Labels)
		}
		var env, mounts, volumes []string
		for _, e := range pod.Spec.Containers[0].Env {
			value := e.Value
			if e.ValueFrom != nil {
				value = e.ValueFrom.FieldRef.FieldPath
			}
			env = append(env, e.Name+"="+value)
		}
		for _, m := range pod.Spec.Containers[0].VolumeMounts {
			mounts = append(mounts, m.Name+" "+m.MountPath)
		}
		for _, v := range pod.Spec.Volumes {
			volumes = append(volumes, v.Name)
		}
		slices.Sort(volumes)
		wantEnv := []string{
			"HELLOX_CLIENT_NAMESPACE=metadata.namespace", "HELLOX_USER=metadata.name", "HELLOX_BROKER=mqtts://broker.$(HELLOX_CLIENT_NAMESPACE).svc:8883",
			"HELLOX_PASSWORD_FILE=/hellox/token", "HELLOX_CA=/hellox/ca.crt",
		}
		wantMounts, wantVolumes := []string{"hellox-client /hellox"}, []string{"hellox-client"}
		if w.lists == some {
			wantEnv, wantMounts, wantVolumes = append([]string{"A=b"}, wantEnv...), append([]string{"own /own"}, wantMounts...), append(wantVolumes, "own")
			if other := pod.Spec.Containers[1]; len(other.Env)+len(other.VolumeMounts) > 0 {
				t.Errorf("%s: the second container has %+v", name, other)
			}
		}
		if !slices.Equal(env, wantEnv) || !slices.Equal(mounts, wantMounts) || !slices.Equal(volumes, wantVolumes) {
			t.Errorf("%s: it has\n%q\n%q\n%q, want\n%q\n%q\n%q", name, env, mounts, volumes, wantEnv, wantMounts, wantVolumes)
		}
		if !slices.Contains(mounted, name+" ConfigMap broker-ca") {
			t.Errorf("%s: mounted: %v", name, mounted)
		}
	}
	if account, _, _ := unstructured.NestedString(find(t, objects, "Deployment", "two"), "spec", "template", "spec", "serviceAccountName"); account != "" || slices.Contains(mounted, "two ConfigMap broker-ca") {
		t.Errorf("the one without the label runs as %q; mounted: %v", account, mounted)
	}
	if spec := find(t, objects, "Service", "two")["spec"].(map[string]any); len(spec) != 1 {
		t.Errorf("the Service has %v", spec)
	}
	for _, u := range objects {
		if u.GetName() == "hellox-client" {
			t.Error("the source of the replacements is applied")
		}
	}
}

// Broadcasters are a pod each up to a number, and shares of pods above it, with the
// ServiceAccount that the broker knows; the component fleet is 10,000 of them, of which
// another number may be made.
func TestSpread(t *testing.T) {
	fleet := overlayWith(t, "fleet")
	for _, test := range []struct {
		overlay  string
		n        int // 0: as the manifests say
		replicas int64
		account  string
		total    string
	}{
		{"", 0, 1, "broadcast", "0"},
		{"", MaxAlone, MaxAlone, "broadcast", "0"},
		{"", MaxAlone + 1, 1, "broadcasters", "51"},
		{"", ShareSize, 1, "broadcasters", "500"},
		{"", ShareSize + 1, 2, "broadcasters", "501"},
		{overlayWith(t, "plain"), 10_000, 20, "broadcasters", "10000"},
		{overlayWith(t, "three-nodes"), 10_000, 20, "broadcasters", "10000"},
		{fleet, 0, 20, "broadcasters", "10000"},
		{fleet, 1200, 3, "broadcasters", "1200"},
		{fleet, 3, 3, "broadcast", "0"},
	} {
		o := Options{Namespace: here, Overlay: test.overlay}
		want := 1
		if test.n > 0 {
			o.Broadcasters, want = &test.n, test.n
		} else if test.overlay == fleet {
			want = 10_000
		}
		objects := render(t, o)
		pods, n := Broadcasters(objects)
		if n != want {
			t.Errorf("%s, %d: it counts %d", test.overlay, test.n, n)
		}
		account, _, _ := unstructured.NestedString(pods.Object, "spec", "template", "spec", "serviceAccountName")
		replicas, _, _ := unstructured.NestedInt64(pods.Object, "spec", "replicas")
		total, _, _ := unstructured.NestedString(find(t, objects, "ConfigMap", BroadcastTotal), "data", TotalKey)
		find(t, objects, "ServiceAccount", account)
		if account != test.account || total != test.total || replicas != test.replicas {
			t.Errorf("%s, %d: %d pods of %q run %q", test.overlay, test.n, replicas, account, total)
		}
		mounts := 0
		EachMounted(pods.Object, func(kind, name string) {
			if kind == "ConfigMap" && name == BroadcastTotal {
				mounts++
			}
		})
		if mounts != 1 || !strings.Contains(argsOf([]*unstructured.Unstructured{pods}), "--total-file=/identity/"+TotalKey+"\n") {
			t.Errorf("%s: the pods do not read the total", test.overlay)
		}
	}
}

// Broadcasters under an account of the user's own are a pod each, and no share.
func TestSpreadNeedsTheAccount(t *testing.T) {
	dir := overlayWith(t, "fleet")
	text, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	patch := `
patches:
  - target: {kind: StatefulSet, name: broadcast}
    patch: |
      - {op: replace, path: /spec/template/spec/serviceAccountName, value: press}
      - {op: replace, path: /spec/replicas, value: 1}
`
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), append(text, patch...), 0o666); err != nil {
		t.Fatal(err)
	}
	few, many := 7, MaxAlone+1
	if _, n := Broadcasters(render(t, Options{Namespace: here, Overlay: dir, Broadcasters: &few})); n != few {
		t.Errorf("there are %d, want %d", n, few)
	}
	_, err = Render(Options{Namespace: here, Overlay: dir, Broadcasters: &many})
	if e, ok := errors.AsType[*FolderError](err); !ok || !strings.Contains(e.Sentence, "cannot run shares of 51") || e.Hint() == "" {
		t.Errorf("more than each is a pod: %v", err)
	}
}

// Programs of the user's own that know no identity get a broker that asks for none; one
// that mounts the authority gets TLS.
func TestOwnManifestsArePlainUnlessTheyKnow(t *testing.T) {
	files := map[string]string{"kustomization.yaml": "resources: [press.yaml]\n", "press.yaml": press}
	if args := argsOf(render(t, Options{Namespace: here, Overlay: folderOf(t, files)})); !strings.Contains(args, "--insecure") {
		t.Errorf("a program that speaks plain MQTT finds:\n%s", args)
	}
	files["press.yaml"] = press + "      volumes: [{name: ca, configMap: {name: broker-ca}}]\n"
	if args := argsOf(render(t, Options{Namespace: here, Overlay: folderOf(t, files)})); strings.Contains(args, "--insecure") || !strings.Contains(args, "--listen=mqtts://0.0.0.0:8883") {
		t.Errorf("a program that knows the authority finds:\n%s", args)
	}
}

// TestNoKeyMaterial has nothing that is rendered or ejected hold a secret: no Secret with
// data, no private key, no token.
func TestNoKeyMaterial(t *testing.T) {
	secret := regexp.MustCompile(`PRIVATE KEY|BEGIN CERTIFICATE|eyJ[A-Za-z0-9_-]{10,}|(?i)password: *\S`)
	for overlay, objects := range everyOverlay(t) {
		for _, u := range objects {
			if u.GetKind() == "Secret" {
				t.Errorf("%s: there is a Secret %s", overlay, u.GetName())
			}
		}
		text, err := YAML(objects)
		if err != nil {
			t.Fatal(err)
		}
		if found := secret.Find(text); found != nil {
			t.Errorf("%s: there is %q", overlay, found)
		}
	}
	dir := t.TempDir()
	if err := Eject(dir, OneNode); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if found := secret.Find(text); found != nil {
			t.Errorf("%s: there is %q", path, found)
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
	if secret.FindString("-----BEGIN PRIVATE KEY-----") == "" || secret.FindString("token: eyJhbGciOiJSUzI1NiIsImtpZCI6") == "" {
		t.Error("what is looked for is not seen")
	}
}
