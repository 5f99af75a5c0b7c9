package cause

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"hellox/bootstrap/kube"
)

// nodeNotReady explains a pod on a node that is not ready, or that is not there.
func nodeNotReady(s Subject) *Cause {
	if s.Cluster == nil || s.Pod.Spec.NodeName == "" {
		return nil
	}
	for _, condition := range s.Pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	nodes := s.Cluster.Nodes()
	for i := range nodes {
		if nodes[i].Name != s.Pod.Spec.NodeName {
			continue
		}
		why := notReady(&nodes[i])
		if why == "" {
			return nil
		}
		return nodeCause(s.Commands, nodes[i].Name, why)
	}
	if len(nodes) == 0 {
		return nil // they could not be read
	}
	return nodeCause(s.Commands, s.Pod.Spec.NodeName, "there is no such node")
}

func nodeCause(commands kube.Commands, node, why string) *Cause {
	return &Cause{
		Reason: "NodeNotReady", Text: Join("node "+node+" is not ready", why), Grace: graceLong,
		Hint: commands.Cluster("describe node " + node),
	}
}

// notReady returns why a node is not ready, or "" if it is.
func notReady(node *corev1.Node) string {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
			if condition.Message == "" {
				return fmt.Sprintf("its condition Ready is %s", condition.Status)
			}
			return condition.Message
		}
	}
	return ""
}
