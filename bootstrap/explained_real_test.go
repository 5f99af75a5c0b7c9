package bootstrap_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"hellox/bootstrap"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A failing is one way in which a pod does not come up, and what up says of it.
type failing struct {
	name string
	role string // the only workload that is left
	// change holds operations of a JSON patch of the workload.
	change string
	// more is added to the kustomization, as what it patches besides.
	more string
	// before is made in the namespace, or beside it, before up; NAMESPACE in it is its
	// name.
	before string
	// known are the reasons of the events by which the cluster knows; of a container
	// that ended it is the time of that.
	known []string
	// third: the cluster takes a probe for failed at its third failure, 2 s later.
	third bool

	sentence string
	hint     string
	evidence string
	warned   bool // it may heal: it is told at once, and up goes on
	either   bool // it depends on what the runtime heard of the kernel
	timeout  time.Duration
	program  string

	// What came of it.
	err  error
	told time.Time
	said []string // warnings
	from time.Time
}

const container0 = "/spec/template/spec/containers/0"

func set(path, value string) string {
	return fmt.Sprintf("- {op: add, path: %s, value: %s}\n", path, value)
}

func does(what string) string {
	return set(container0+"/env/-", "{name: POD_DOES, value: "+what+"}")
}

// failings are all that up must explain, but what needs the whole cluster.
func failings(node, foreign, silent string) []*failing {
	return slices.Concat(failingImages(node), failingProbes(), failingContainers(node, foreign), failingScheduling(), failingVolumes(), failingCreation(silent))
}

func failingImages(node string) []*failing {
	return []*failing{
		{
			name: "ErrImageNeverPull", role: "receive", change: set(container0+"/image", `"hellox.local/nothing:1"`), known: []string{"Failed", "ErrImageNeverPull"},
			sentence: "image hellox.local/nothing:1 is not on node " + node, hint: "correct image: of container receive in the overlay",
		},
		{
			name: "InvalidImageName", role: "receive", change: set(container0+"/image", `"hellox.local/No Name"`), known: []string{"InspectFailed"},
			sentence: `image name "hellox.local/No Name" is not valid: repository name`, hint: "correct image:",
		},
		{
			name: "ImagePullBackOff", role: "receive", change: set(container0+"/image", `"127.0.0.1:1/nothing:1"`) + set(container0+"/imagePullPolicy", "Always"), known: []string{"Failed"},
			sentence: "image 127.0.0.1:1/nothing:1 cannot be pulled: dial tcp 127.0.0.1:1: connect: connection refused", hint: "hellox pulls nothing", warned: true,
		},
	}
}

func failingContainers(node, foreign string) []*failing {
	return []*failing{
		{
			name: "CreateContainerConfigError", role: "receive", change: set(container0+"/env/-", "{name: X, valueFrom: {configMapKeyRef: {name: absent, key: k}}}"), known: []string{"Failed"},
			sentence: `its container needs ConfigMap "absent", which is not there`, hint: "create configmap absent", warned: true,
		},
		{
			name: "CreateContainerConfigError, Secret", role: "broker", change: set(container0+"/env/-", "{name: X, valueFrom: {secretKeyRef: {name: absent, key: k}}}"), known: []string{"Failed"},
			sentence: `its container needs Secret "absent", which is not there`, hint: "create secret generic absent", warned: true,
		},
		{
			name: "OOMKilled", role: "receive", change: does("eat") + set(container0+"/resources/limits/memory", "64Mi"),
			sentence: "it was killed", hint: "limits.memory", either: true,
		},
		{
			name: "CrashLoopBackOff", role: "receive", change: does("crash"),
			sentence: "it ended with exit code 3", hint: "hellox logs receive --previous", evidence: "the moon is in the seventh house", warned: true,
		},
		{
			name: "init container", role: "receive",
			change:   set("/spec/template/spec/initContainers", `[{name: first, image: hellox.local/hellox, imagePullPolicy: Never, args: [first], env: [{name: POD_DOES, value: crash}], securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]`),
			sentence: `init container "first": it ended with exit code 3`, hint: "logs receive-", evidence: "the moon is in the seventh house", warned: true,
		},
		{
			name: "command missing", role: "receive", change: set(container0+"/command", "[/absent]"), known: []string{"Failed"},
			sentence: `program "/absent" is not in image hellox.local/hellox:`, hint: "correct command:",
		},
		{
			name: "exec format error", role: "receive", program: foreign,
			sentence: `is not for the processor of node ` + node + " (exec format error)", hint: "kubernetes.io/arch",
		},
	}
}

// failingProbes are the longest.
func failingProbes() []*failing {
	return []*failing{
		{
			name: "readiness probe, 404", role: "receive", change: set(container0+"/readinessProbe/httpGet/path", "/nope"), known: []string{"Unhealthy"}, third: true, timeout: 45 * time.Second,
			sentence: "it runs and is not ready: its readiness probe failed: GET :9000/nope answers 404", hint: "hellox logs receive", warned: true,
		},
		{
			name: "readiness probe, wrong port", role: "broker", change: set(container0+"/readinessProbe/httpGet/port", "9001"), known: []string{"Unhealthy"}, third: true, timeout: 45 * time.Second,
			sentence: "its readiness probe failed: GET :9001/readyz: connection refused", hint: "hellox logs broker", warned: true,
		},
		{
			name: "startup probe", role: "broadcast", change: set(container0+"/startupProbe", "{httpGet: {path: /nope, port: ops}, periodSeconds: 1, failureThreshold: 3}"), known: []string{"Unhealthy"}, third: true, timeout: 80 * time.Second,
			sentence: "its startup probe ended it", hint: "hellox logs broadcast", warned: true,
		},
		{
			name: "liveness probe", role: "broadcast",
			change: set(container0+"/livenessProbe", "{httpGet: {path: /nope, port: ops}, periodSeconds: 1, failureThreshold: 1}") + set(container0+"/readinessProbe/initialDelaySeconds", "60"),
			known:  []string{"Killing"}, timeout: 80 * time.Second,
			sentence: "its liveness probe ended it", hint: "hellox logs broadcast --previous", warned: true,
		},
	}
}

func failingScheduling() []*failing {
	return []*failing{
		{
			name: "Unschedulable, cpu", role: "receive", change: set(container0+"/resources/requests/cpu", `"64"`) + set(container0+"/resources/limits/cpu", `"64"`), known: []string{"FailedScheduling"},
			sentence: "it asks for 64 of cpu, ", hint: "lower resources.requests.cpu", warned: true,
		},
		{
			name: "Unschedulable, memory", role: "broker", change: set(container0+"/resources/requests/memory", "500Gi") + set(container0+"/resources/limits/memory", "500Gi"), known: []string{"FailedScheduling"},
			sentence: "it asks for 500Gi of memory, ", hint: "lower resources.requests.memory", warned: true,
		},
		{
			name: "Unschedulable, labels", role: "receive", change: set("/spec/template/spec/nodeSelector", "{disk: ssd}"), known: []string{"FailedScheduling"},
			sentence: "no node has the labels of its nodeSelector: disk=ssd", hint: "kubectl label node NODE disk=ssd", warned: true,
		},
	}
}

func failingVolumes() []*failing {
	const class = `
  - target: {kind: PersistentVolumeClaim, name: history}
    patch: |
      - {op: add, path: /spec/storageClassName, value: CLASS}
`
	return []*failing{
		{
			name: "storage class missing", role: "receive", more: strings.Replace(class, "CLASS", "fast", 1), known: []string{"FailedScheduling"},
			sentence: `claim history gets no volume: there is no storage class "fast" (there is `, hint: "correct storageClassName:", warned: true,
		},
		{
			name: "storage class missing, StatefulSet", role: "broker", change: set("/spec/volumeClaimTemplates/0/spec/storageClassName", "fast"), known: []string{"FailedScheduling"},
			sentence: `claim data-broker-0 gets no volume: there is no storage class "fast" (there is `, hint: "delete pvc data-broker-0", warned: true,
		},
		{
			name: "volume not bound", role: "receive", more: strings.Replace(class, "CLASS", "hellox-test-idle", 1), known: []string{"FailedScheduling"},
			before:   "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: hellox-test-idle}, provisioner: hellox.test/none}",
			sentence: `claim history waits for its volume of storage class "hellox-test-idle"`, hint: "describe pvc history", warned: true,
		},
		{
			name: "FailedMount, Secret", role: "receive", change: set("/spec/template/spec/volumes/-", "{name: keys, secret: {secretName: absent}}") + set(container0+"/volumeMounts/-", "{name: keys, mountPath: /keys}"), known: []string{"FailedMount"},
			sentence: `volume "keys" needs Secret "absent", which is not there`, hint: "create secret generic absent", warned: true,
		},
		{
			name: "FailedMount, ConfigMap", role: "broker", change: set("/spec/template/spec/volumes/-", "{name: rules, configMap: {name: absent}}") + set(container0+"/volumeMounts/-", "{name: rules, mountPath: /rules}"), known: []string{"FailedMount"},
			sentence: `volume "rules" needs ConfigMap "absent", which is not there`, hint: "create configmap absent", warned: true,
		},
	}
}

func failingCreation(silent string) []*failing {
	const (
		quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: small, namespace: NAMESPACE}, spec: {hard: {%s}}}"
		only  = "{matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}"
	)
	root := set("/spec/template/spec/securityContext", "{runAsUser: 0, seccompProfile: {type: RuntimeDefault}}")
	created := []string{"FailedCreate"}
	return []*failing{
		{
			name: "service account missing, StatefulSet", role: "broadcast", change: set("/spec/template/spec/serviceAccountName", "absent"), known: created,
			sentence: `its pod is refused: there is no service account "absent"`, hint: "create serviceaccount absent", warned: true,
		},
		{
			name: "PodSecurity, StatefulSet", role: "broker", change: root, known: created,
			sentence: `its pod is refused: it violates PodSecurity "restricted:v1.34": `, hint: "correct securityContext:",
		},
		{
			name: "PodSecurity, Deployment", role: "receive", change: root, known: created,
			sentence: `its pod is refused: it violates PodSecurity "restricted:v1.34": `, hint: "correct securityContext:",
		},
		{
			name: "quota, StatefulSet", role: "broker", before: fmt.Sprintf(quota, "pods: 0"), known: created,
			sentence: "its pod is refused: quota small is used up: 1 of pods asked for, 0 of 0 used", hint: "edit resourcequota small", warned: true,
		},
		{
			name: "quota, Deployment", role: "receive", before: fmt.Sprintf(quota, "limits.memory: 100Mi"), known: created,
			sentence: "its pod is refused: quota small is used up: 256Mi of limits.memory asked for, 0 of 100Mi used", hint: "edit resourcequota small", warned: true,
		},
		{
			name: "quota of storage", role: "receive", before: fmt.Sprintf(quota, "requests.storage: 1Gi"),
			sentence: "quota small is used up: 2Gi of requests.storage asked for, 0 of 1Gi used", hint: "edit resourcequota small",
		},
		{
			name: "admission refusal", role: "broker", known: created,
			before: `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: hellox-test-no-brokers}, spec: {
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]},
  validations: [{expression: "false", message: "no brokers on a Sunday"}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: hellox-test-no-brokers}, spec: {
  policyName: hellox-test-no-brokers, validationActions: [Deny], matchResources: {namespaceSelector: ` + only + `}}}`,
			sentence: `its pod is refused: admission policy "hellox-test-no-brokers" refuses it: no brokers on a Sunday`, hint: "kubectl get validatingadmissionpolicy hellox-test-no-brokers",
		},
		{
			name: "webhook timeout", role: "broker", known: created,
			before: `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: hellox-test-slow}, webhooks: [{
  name: slow.hellox.test, admissionReviewVersions: [v1], sideEffects: None, timeoutSeconds: 1, namespaceSelector: ` + only + `,
  clientConfig: {url: "https://` + silent + `/"}, rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}]}`,
			sentence: `its pod is refused: admission webhook "slow.hellox.test" does not answer: no answer in time`, hint: "kubectl get validatingwebhookconfigurations", warned: true,
		},
		{
			name: "priority class missing", role: "receive", change: set("/spec/template/spec/priorityClassName", "absent"), known: created,
			sentence: `its pod is refused: there is no PriorityClass "absent"`, hint: "kubectl create priorityclass absent", warned: true,
		},
	}
}

// testExplained breaks pods in every way that is explained, on a real cluster, side by
// side in a namespace each, and asks for the sentence and the hint.
func testExplained(t *testing.T, r *rig) {
	foreign := filepath.Join(t.TempDir(), "hellox")
	if err := os.WriteFile(foreign, foreignProgram(t, r.programs[0]), 0o777); err != nil {
		t.Fatal(err)
	}
	all := failings(r.cluster.Nodes[0].Name, foreign, r.silent(t))
	o := r.options(t, "hellox-fails", r.programs[0])
	if err := o.start(t.Context(), newRecorder(t)); err != nil {
		t.Fatal(err)
	}
	slots, running := make(chan struct{}, 8), sync.WaitGroup{}
	for i, f := range all {
		// The first loads the image for all.
		slots <- struct{}{}
		attempt := func() {
			defer func() { <-slots }()
			r.provoke(t, f, fmt.Sprintf("hellox-fails-%d", i), o)
		}
		if i == 0 {
			attempt()
			continue
		}
		running.Go(attempt)
	}
	running.Wait()
	// A node of which nothing is heard would be a cause of the others, too.
	lost := &failing{
		name: "node not ready", role: "receive", change: set("/spec/template/spec/nodeName", "hellox-test-lost"),
		before:   "{apiVersion: v1, kind: Node, metadata: {name: hellox-test-lost}, status: {conditions: [{type: Ready, status: Unknown, reason: NodeStatusUnknown, message: Kubelet stopped posting node status.}]}}",
		sentence: "node hellox-test-lost is not ready", hint: "kubectl describe node hellox-test-lost", warned: true,
	}
	r.provoke(t, lost, "hellox-fails-node", o)
	all = append(all, lost)
	for _, f := range all {
		t.Run(f.name, f.check)
	}
	t.Run("mended, and run again", func(t *testing.T) { testMended(t, r, o) })
	t.Logf("seconds until up said it; events have whole seconds, so up to 1 s of \"after\" is theirs\n%s", table(all))
}

// silent returns an address that the API server reaches and where nothing answers: the
// listener of this test that accepts and says nothing, on the node's way out.
func (r *rig) silent(t *testing.T) string {
	t.Helper()
	out, err := r.find.make.Runner.Run(t.Context(), run.Command{Name: containerEngine(), Args: []string{
		"exec", r.cluster.Nodes[0].Name, "ip", "-4", "route", "show", "default",
	}})
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(out.Stdout) // default via 172.18.0.1 dev eth0
	if len(words) < 3 {
		t.Fatalf("no default route: %q", out.Stdout)
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(words[2], "0"))
	if err != nil { // the engine runs in a machine of its own
		t.Logf("no silent listener: %v", err)
		return "192.0.2.1"
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}

// testMended has a quota refuse a pod until its controller tries rarely, removes the
// quota, and runs the same up again.
func testMended(t *testing.T, r *rig, o upOfTest) {
	f := &failing{role: "broker"}
	const quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: small, namespace: NAMESPACE}, spec: {hard: {pods: 0}}}"
	o.Namespace, o.Overlay = "hellox-fails-mended", overlay(t, f.kustomization())
	r.plantAll(t, quota, o.Namespace)
	inst := r.installation(t, o.Namespace)
	defer func() {
		if err := inst.client.All(kube.Namespaces).Delete(context.WithoutCancel(t.Context()), o.Namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := bootstrap.Up(ctx, o.UpOptions, newRecorder(t)); err == nil || !strings.Contains(err.Error(), "quota small is used up") {
		t.Fatalf("with the quota: %v", err)
	}
	quotas := schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	if err := inst.In(quotas).Delete(ctx, "small", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := bootstrap.Up(ctx, o.UpOptions, newRecorder(t)); err != nil {
		t.Errorf("without it: %v", err)
	}
}

// provoke brings up an installation in namespace that fails so, and removes it.
func (r *rig) provoke(t *testing.T, f *failing, namespace string, o upOfTest) {
	remove := r.plantAll(t, f.before, namespace)
	defer remove()
	o.Namespace, o.Overlay = namespace, overlay(t, f.kustomization())
	if f.program != "" {
		o.Packer.Executable = f.program
	}
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(f.timeout, time.Minute))
	defer cancel()
	steps := &listener{failing: f}
	f.err = bootstrap.Up(ctx, o.UpOptions, steps)
	steps.hear(fmt.Sprint(f.err))
	f.from = r.knownSince(t, f, namespace)
	inst := r.installation(t, namespace)
	if err := inst.client.All(kube.Namespaces).Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// kustomization is the base with nothing but the workload that fails.
func (f *failing) kustomization() string {
	text := "resources: [base]\npatches:\n"
	for role, kind := range map[string]string{"broker": "StatefulSet", "broadcast": "StatefulSet", "receive": "Deployment"} {
		if role != f.role {
			text += fmt.Sprintf("  - patch: |\n      $patch: delete\n      apiVersion: apps/v1\n      kind: %s\n      metadata: {name: %s}\n", kind, role)
			continue
		}
		if f.change != "" {
			text += fmt.Sprintf("  - target: {kind: %s, name: %s}\n    patch: |\n      %s\n", kind, role, strings.ReplaceAll(strings.TrimSpace(f.change), "\n", "\n      "))
		}
	}
	return text + strings.TrimPrefix(f.more, "\n")
}

// A listener hears what an up says of a failure.
type listener struct {
	*failing
	mu sync.Mutex
}

func (l *listener) hear(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told.IsZero() && strings.Contains(text, l.sentence) {
		l.told = time.Now()
	}
}

func (l *listener) Begin(string)      {}
func (l *listener) Progress(string)   {}
func (l *listener) Done(string, bool) {}
func (l *listener) Fail(error)        {}
func (l *listener) Note(string)       {}
func (l *listener) Warn(text string) {
	l.said = append(l.said, text)
	l.hear(text)
}

// check compares what an up said with what it must say.
func (f *failing) check(t *testing.T) {
	e := new(step.Error)
	if !errors.As(f.err, &e) {
		t.Fatalf("error %v; warned %q", f.err, f.said)
	}
	t.Logf("%s\nhint: %s", e, e.Hint)
	if !strings.Contains(e.Error(), f.sentence) {
		t.Errorf("error %q\nwant  %q", e.Error(), f.sentence)
	}
	if !strings.Contains(e.Hint, f.hint) {
		t.Errorf("hint %q\nwant %q", e.Hint, f.hint)
	}
	if !strings.Contains(strings.Join(e.Evidence, "\n"), f.evidence) {
		t.Errorf("evidence %q\nwant %q", e.Evidence, f.evidence)
	}
	for _, line := range []string{"hellox: " + e.Error(), "hint: " + e.Hint} {
		if n := utf8.RuneCountInString(line); n > 160 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	if got := strings.Contains(strings.Join(f.said, "\n"), f.sentence); got != f.warned && !f.either {
		t.Errorf("warned of it: %v, want %v: %q", got, f.warned, f.said)
	}
}

// knownSince returns when the cluster knew of the failure: by the first event of it,
// or by the end of a container.
func (r *rig) knownSince(t *testing.T, f *failing, namespace string) (since time.Time) {
	t.Helper()
	inst := r.installation(t, namespace)
	earliest := func(at time.Time, err error) {
		if err == nil && (since.IsZero() || at.Before(since)) {
			since = at
		}
	}
	events, err := inst.In(kube.Events).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Error(err)
		return since
	}
	for _, u := range events.Items {
		reason, _, _ := unstructured.NestedString(u.Object, "reason")
		if !slices.Contains(f.known, reason) {
			continue
		}
		for _, field := range []string{"eventTime", "firstTimestamp"} {
			text, _, _ := unstructured.NestedString(u.Object, field)
			earliest(time.Parse(time.RFC3339Nano, text))
		}
	}
	if f.third {
		return since.Add(2 * time.Second)
	}
	if len(f.known) > 0 {
		return since
	}
	list, err := inst.In(kube.Pods).List(t.Context(), metav1.ListOptions{LabelSelector: install.Selector(namespace)})
	if err != nil {
		t.Error(err)
		return since
	}
	for i := range list.Items {
		pod, err := kube.PodOf(&list.Items[i])
		if err != nil {
			t.Error(err)
			continue
		}
		for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			for _, ended := range []*corev1.ContainerStateTerminated{s.LastTerminationState.Terminated, s.State.Terminated} {
				if ended != nil {
					earliest(ended.FinishedAt.Time, nil)
				}
			}
		}
		if pod.Spec.NodeName != "" && since.IsZero() {
			earliest(pod.CreationTimestamp.Time, nil)
		}
	}
	return since
}

// table shows how soon each cause was told.
func table(all []*failing) string {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	for _, f := range all {
		after := "–"
		if !f.from.IsZero() && !f.told.IsZero() {
			after = fmt.Sprintf("%.1f", f.told.Sub(f.from).Seconds())
		}
		fmt.Fprintf(w, "%s\t%s s\n", f.name, after)
	}
	w.Flush()
	return text.String()
}

// plantAll makes objects that a failure needs, and their namespace, if there are any.
// What it returns removes those that are in no namespace.
func (r *rig) plantAll(t *testing.T, text, namespace string) (remove func()) {
	t.Helper()
	remove = func() {}
	if text == "" {
		return remove
	}
	client := r.installation(t, namespace).client
	text = "{apiVersion: v1, kind: Namespace, metadata: {name: " + namespace + "}}\n---\n" + strings.ReplaceAll(text, "NAMESPACE", namespace)
	for _, one := range strings.Split(text, "\n---\n") {
		var u unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(one), &u.Object); err != nil {
			t.Fatal(err)
		}
		resource, err := client.ResourceOf(t.Context(), kube.RefOf(&u))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resource.Create(t.Context(), &u, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if u.GetNamespace() == "" && u.GetKind() != "Namespace" {
			before := remove
			remove = func() {
				before()
				if err := resource.Delete(context.WithoutCancel(t.Context()), u.GetName(), metav1.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			}
		}
	}
	return remove
}

// foreignProgram is a program whose header says that it fits the nodes, and
// that their kernel does not take: it has nothing that could be loaded.
func foreignProgram(t *testing.T, program string) []byte {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	const phnum = 56 // where a 64-bit ELF header has the number of segments
	text[phnum], text[phnum+1] = 0, 0
	return text
}
