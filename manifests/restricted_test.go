package manifests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// podTemplates returns the pod template of every workload of the base, by
// name.
func podTemplates(t *testing.T) map[string]corev1.PodTemplateSpec {
	t.Helper()
	templates := podTemplatesOf(t, render(t, Options{Namespace: "press"}))
	if len(templates) != 3 {
		t.Fatalf("%d workloads, want 3", len(templates))
	}
	return templates
}

// podTemplatesOf returns the pod template of every workload, by name, decoded as
// strictly as the API server decodes them.
func podTemplatesOf(t *testing.T, objects []*unstructured.Unstructured) map[string]corev1.PodTemplateSpec {
	t.Helper()
	templates := map[string]corev1.PodTemplateSpec{}
	for _, u := range objects {
		var err error
		switch u.GetKind() {
		case "StatefulSet":
			var s appsv1.StatefulSet
			err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, &s, true)
			templates[u.GetName()] = s.Spec.Template
		case "Deployment":
			var d appsv1.Deployment
			err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, &d, true)
			templates[u.GetName()] = d.Spec.Template
		case "Job":
			var j batchv1.Job
			err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, &j, true)
			templates[u.GetName()] = j.Spec.Template
		case "DaemonSet", "CronJob", "ReplicaSet", "Pod":
			t.Fatalf("%s %s is not covered by this test", u.GetKind(), u.GetName())
		}
		if err != nil {
			t.Fatalf("%s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
	return templates
}

// violations evaluates one pod against the restricted level at each version
// that a cluster might enforce.
func violations(t *testing.T, template corev1.PodTemplateSpec) []string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, version := range []api.Version{api.MajorMinorVersion(1, 34), api.LatestVersion()} {
		level := api.LevelVersion{Level: api.LevelRestricted, Version: version}
		for _, r := range evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec) {
			if !r.Allowed {
				found = append(found, version.String()+": "+r.ForbiddenReason+": "+r.ForbiddenDetail)
			}
		}
	}
	return found
}

// ownRestricted is a workload of a user's that restricted admits, and that has the
// component client.
const ownRestricted = `apiVersion: apps/v1
kind: Deployment
metadata: {name: own, labels: {hellox.local/client: "true"}}
spec:
  selector: {matchLabels: {app: own}}
  template:
    metadata: {labels: {app: own}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - {name: own, image: own, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
`

// TestPodsAreRestricted evaluates the pods of the base, of the base with each component,
// of a user's workload with the component client, and those of hellox beside the example,
// whose namespace admits any pod of the user's.
func TestPodsAreRestricted(t *testing.T) {
	overlays := everyOverlay(t)
	dir := overlayWith(t, "client")
	for name, text := range map[string]string{"own.yaml": ownRestricted, "kustomization.yaml": "resources: [base, own.yaml]\ncomponents: [components/client]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	overlays["own"] = render(t, Options{Namespace: here, Overlay: dir})
	overlays["example"] = render(t, Options{Namespace: here, Overlay: filepath.Join("..", "docs", "examples", "press"), Images: map[string]string{"press": "hellox.local/built/press:1"}})
	pods := 0
	for overlay, objects := range overlays {
		for name, template := range podTemplatesOf(t, objects) {
			if overlay == "example" && name == "press" {
				continue
			}
			pods++
			for _, v := range violations(t, template) {
				t.Errorf("%s: %s: %s", overlay, name, v)
			}
		}
	}
	// The example has no broadcasters of ours; a move has its Job beside.
	if want := 3*(len(overlays)-2) + 4 + 2 + 1; pods != want {
		t.Errorf("%d pods of %d overlays were evaluated, want %d", pods, len(overlays), want)
	}
}

// The evaluator must object to each field's absence, or the test above proves
// nothing.
func TestEvaluatorSeesEachField(t *testing.T) {
	mutations := map[string]func(*corev1.PodSpec){
		"runAsNonRoot":             func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot = nil },
		"runAsUser 0":              func(s *corev1.PodSpec) { s.SecurityContext.RunAsUser = new(int64) },
		"seccompProfile":           func(s *corev1.PodSpec) { s.SecurityContext.SeccompProfile = nil },
		"allowPrivilegeEscalation": func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil },
		"capabilities":             func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.Capabilities = nil },
		"volume":                   func(s *corev1.PodSpec) { s.Volumes = append(s.Volumes, hostPath()) },
		"hostNetwork":              func(s *corev1.PodSpec) { s.HostNetwork = true },
	}
	for name, template := range podTemplates(t) {
		for what, mutate := range mutations {
			mutated := *template.DeepCopy()
			mutate(&mutated.Spec)
			if len(violations(t, mutated)) == 0 {
				t.Errorf("%s without %s: no objection", name, what)
			}
		}
	}
}

func hostPath() corev1.Volume {
	return corev1.Volume{Name: "host", VolumeSource: corev1.VolumeSource{
		HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}
}

// What restricted does not ask for and these pods promise all the same.
func TestPodsAreBounded(t *testing.T) {
	for name, template := range podTemplates(t) {
		spec := template.Spec
		if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
			t.Errorf("%s: a token is mounted", name)
		}
		if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
			t.Errorf("%s: service links are on", name)
		}
		if spec.ServiceAccountName != name {
			t.Errorf("%s: service account %q", name, spec.ServiceAccountName)
		}
		for _, c := range spec.Containers {
			if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
				t.Errorf("%s: the root file system is writable", name)
			}
			for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
				if c.Resources.Requests.Name(r, "").IsZero() || c.Resources.Limits.Name(r, "").IsZero() {
					t.Errorf("%s: no request or limit of %s", name, r)
				}
			}
			if c.ReadinessProbe == nil || c.LivenessProbe == nil {
				t.Errorf("%s: a probe is missing", name)
			}
			if !strings.HasPrefix(c.Image, ImageName) {
				t.Errorf("%s: image %s", name, c.Image)
			}
		}
	}
}

// The namespace must enforce what the pods are held against here.
func TestNamespaceEnforces(t *testing.T) {
	for _, u := range render(t, Options{Namespace: "press"}) {
		if u.GetKind() != "Namespace" {
			continue
		}
		got, errs := api.PolicyToEvaluate(u.GetLabels(), api.Policy{})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		want := api.LevelVersion{Level: api.LevelRestricted, Version: api.MajorMinorVersion(1, 34)}
		if got.Enforce != want || got.Warn != want || got.Audit != want {
			t.Errorf("policy %v, want %v throughout", got, want)
		}
		return
	}
	t.Error("no namespace")
}
