package cause

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// unscheduled explains a pod that the scheduler puts on no node.
func unscheduled(s Subject, condition corev1.PodCondition) *Cause {
	c := &Cause{Reason: condition.Reason, Grace: graceLong}
	// "0/1 nodes are available: 1 Insufficient memory. no new claims to
	// deallocate, preemption: …": only the first sentence concerns the user.
	message, _, _ := strings.Cut(condition.Message, "preemption:")
	message = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(message), "no new claims to deallocate,"))
	message = strings.TrimRight(message, ". ")
	// With several nodes there are several reasons. The first of these that occurs
	// is what a person can change.
	switch {
	case strings.Contains(message, "persistentvolumeclaim"), strings.Contains(message, "PersistentVolumeClaim"):
		return unbound(s, c, message)
	case strings.Contains(message, "Insufficient "):
		tooSmall(s, c, message)
	case strings.Contains(message, "node affinity/selector"), strings.Contains(message, "didn't match PersistentVolume's node affinity"):
		noSuchNode(s, c, message)
	case strings.Contains(message, "untolerated taint"):
		tainted(s, c, message)
	case strings.Contains(message, "were unschedulable"):
		cordoned(s, c)
	case strings.Contains(message, "free ports"):
		c.Text = "no node has its host port free: " + after(message, "available: ")
		c.Hint = "leave hostPort out of the overlay: hellox forwards ports by itself"
	case strings.Contains(message, "Too many pods"):
		c.Text = "no node takes one more pod: " + after(message, "available: ")
		c.Hint = s.Commands.Cluster("get pods --all-namespaces") + " shows them; remove some"
	default:
		c.Text = "no node takes it: " + message
	}
	return c
}

var insufficient = regexp.MustCompile(`Insufficient ([^ ,.]+)`)

// tooSmall says what is short, and by how much on the node that has most of it.
func tooSmall(s Subject, c *Cause, message string) {
	name := corev1.ResourceName(insufficient.FindStringSubmatch(message)[1])
	c.Text = "no node takes it: " + after(message, "available: ")
	c.Hint = fmt.Sprintf("lower resources.requests.%s in the overlay, or give the cluster more", name)
	asked := requests(s.Pod, name)
	if s.Cluster == nil {
		return
	}
	var best string
	var free, all resource.Quantity
	pods := s.Cluster.Pods()
	nodes := s.Cluster.Nodes()
	for i := range nodes {
		allocatable := nodes[i].Status.Allocatable[name]
		left := allocatable.DeepCopy()
		for j := range pods {
			if pods[j].Spec.NodeName == nodes[i].Name {
				left.Sub(requests(&pods[j], name))
			}
		}
		if best == "" || left.Cmp(free) > 0 {
			best, free, all = nodes[i].Name, left, allocatable
		}
	}
	if best == "" || free.Cmp(asked) >= 0 {
		return // the figures are of another moment than the scheduler's
	}
	short := asked.DeepCopy()
	short.Sub(free)
	c.Text = fmt.Sprintf("it asks for %s of %s, %s more than is free: node %s has %s of %s left",
		amount(name, asked), name, amount(name, short), best, amount(name, free), amount(name, all))
}

// requests returns how much of a resource a pod asks for: its containers together,
// or the largest of its init containers.
func requests(pod *corev1.Pod, name corev1.ResourceName) resource.Quantity {
	var sum resource.Quantity
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return sum
	}
	for _, c := range pod.Spec.Containers {
		sum.Add(c.Resources.Requests[name])
	}
	for _, c := range pod.Spec.InitContainers {
		if q := c.Resources.Requests[name]; q.Cmp(sum) > 0 {
			sum = q
		}
	}
	sum.Add(pod.Spec.Overhead[name])
	return sum
}

// amount writes a quantity for people: 1.25 processors, 3.1Gi of memory.
func amount(name corev1.ResourceName, q resource.Quantity) string {
	if name == corev1.ResourceCPU {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", float64(q.MilliValue())/1000), "0"), ".")
	}
	const mi = 1 << 20
	switch n := float64(q.Value()); {
	case n >= 1024*mi || n <= -1024*mi:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", n/1024/mi), ".0") + "Gi"
	case n >= mi || n <= -mi:
		return fmt.Sprintf("%.0fMi", n/mi)
	}
	return q.String()
}

// noSuchNode explains a pod that asks for labels that no node has.
func noSuchNode(s Subject, c *Cause, message string) {
	wanted := make([]string, 0, len(s.Pod.Spec.NodeSelector))
	for key, value := range s.Pod.Spec.NodeSelector {
		wanted = append(wanted, key+"="+value)
	}
	slices.Sort(wanted)
	switch {
	case strings.Contains(message, "PersistentVolume's node affinity"):
		c.Text = "the node of its volume does not take it: " + after(message, "available: ")
		c.Hint = s.Commands.Namespaced("get pvc") + "; the volume stays on its node"
		return
	case len(wanted) > 0:
		c.Text = "no node has the labels of its nodeSelector: " + strings.Join(wanted, ", ")
		c.Hint = s.Commands.Cluster("label node NODE "+strings.Join(wanted, " ")) + ", or correct nodeSelector: in the overlay"
	default:
		c.Text = "no node is what its node affinity asks for"
		c.Hint = s.Commands.Cluster("get nodes --show-labels") + ", then correct affinity: in the overlay"
	}
}

var taint = regexp.MustCompile(`untolerated taint(?:\(s\))? ?\{([^}]*)\}`)

// tainted explains a pod that does not tolerate the nodes' taints. Those of a node
// that is not ready are Kubernetes' own.
func tainted(s Subject, c *Cause, message string) {
	if s.Cluster != nil {
		nodes := s.Cluster.Nodes()
		for i := range nodes {
			if why := notReady(&nodes[i]); why != "" {
				*c = *nodeCause(s.Commands, nodes[i].Name, why)
				return
			}
		}
	}
	c.Text = "no node takes it: " + after(message, "available: ")
	c.Hint = s.Commands.Cluster("describe nodes") + " shows their taints; the overlay may tolerate them"
	name := ""
	if m := taint.FindStringSubmatch(message); m != nil {
		name = strings.TrimSuffix(strings.TrimSpace(m[1]), ":")
	}
	if name == "" && s.Cluster != nil {
		for _, node := range s.Cluster.Nodes() {
			for _, t := range node.Spec.Taints {
				if t.Effect != corev1.TaintEffectPreferNoSchedule {
					name = t.Key
				}
			}
		}
	}
	if name != "" {
		c.Text = "no node takes it: it does not tolerate their taint " + name
		key, _, _ := strings.Cut(name, ":")
		c.Hint = s.Commands.Cluster(fmt.Sprintf("taint nodes --all %s-, or add a toleration to the overlay", strings.TrimSpace(key)))
	}
}

// cordoned explains a pod while the nodes take no pods.
func cordoned(s Subject, c *Cause) {
	c.Text, c.Hint = "no node takes pods: they are cordoned", s.Commands.Cluster("uncordon NODE")
	if s.Cluster == nil {
		return
	}
	for _, node := range s.Cluster.Nodes() {
		if node.Spec.Unschedulable {
			c.Text, c.Hint = fmt.Sprintf("node %s takes no pods: it is cordoned", node.Name), s.Commands.Cluster("uncordon "+node.Name)
			return
		}
	}
}
