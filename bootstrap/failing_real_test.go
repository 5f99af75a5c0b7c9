package bootstrap_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
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
	// refuser is what of before refuses pods, by the name in its refusal: a policy and a
	// webhook work only when the API server's own watch has brought them.
	refuser string
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
			sentence: "no node has the labels of its nodeSelector: disk=ssd", hint: "label node NODE disk=ssd", warned: true,
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
			sentence: `claim history waits for its volume of storage class "hellox-test-idle"`, hint: "describe pvc history", warned: true, timeout: 45 * time.Second,
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
			name: "admission refusal", role: "broker", known: created, refuser: "hellox-test-no-brokers",
			before: `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: hellox-test-no-brokers}, spec: {
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]},
  validations: [{expression: "false", message: "no brokers on a Sunday"}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: hellox-test-no-brokers}, spec: {
  policyName: hellox-test-no-brokers, validationActions: [Deny], matchResources: {namespaceSelector: ` + only + `}}}`,
			sentence: `its pod is refused: admission policy "hellox-test-no-brokers" refuses it: no brokers on a Sunday`, hint: "get validatingadmissionpolicy hellox-test-no-brokers",
		},
		{
			name: "webhook timeout", role: "broker", known: created, refuser: "slow.hellox.test",
			before: `
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: hellox-test-slow}, webhooks: [{
  name: slow.hellox.test, admissionReviewVersions: [v1], sideEffects: None, timeoutSeconds: 1, namespaceSelector: ` + only + `,
  clientConfig: {url: "https://` + silent + `/"}, rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}]}`,
			sentence: `its pod is refused: admission webhook "slow.hellox.test" does not answer: no answer in time`, hint: "get validatingwebhookconfigurations", warned: true,
		},
		{
			name: "priority class missing", role: "receive", change: set("/spec/template/spec/priorityClassName", "absent"), known: created,
			sentence: `its pod is refused: there is no PriorityClass "absent"`, hint: "create priorityclass absent", warned: true,
		},
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
