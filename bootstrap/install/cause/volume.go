package cause

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"hellox/bootstrap/kube"
)

// momentary are words of events that are over by themselves: a kubelet that has just
// started has read no objects yet, and the API server lets a node read what a pod needs
// a moment after the pod came to it.
var momentary = []string{"not registered", "failed to sync", "no relationship found between node"}

// unbound explains a pod whose claim has no volume. It returns nil if the scheduler may
// only not have seen the claim yet: it looks again when it does.
func unbound(s Subject, c *Cause, message string) *Cause {
	c.Text = "its volume is not there: " + after(message, "available: ")
	c.Hint = s.Commands.Namespaced("describe pvc")
	if s.Cluster == nil {
		return c
	}
	claims := s.Cluster.Claims()
	for _, volume := range s.Pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		name := volume.PersistentVolumeClaim.ClaimName
		at := slices.IndexFunc(claims, func(claim corev1.PersistentVolumeClaim) bool { return claim.Name == name })
		switch {
		case (at >= 0 || claims == nil) && strings.Contains(message, fmt.Sprintf("persistentvolumeclaim %q not found", name)):
			return nil
		case at < 0 && claims != nil:
			c.Text = fmt.Sprintf("its volume %q needs the claim %q, which is not there", volume.Name, name)
			c.Hint = "add the PersistentVolumeClaim to the overlay, " + again
			return c
		case at >= 0 && claims[at].Status.Phase == corev1.ClaimLost:
			c.Text = fmt.Sprintf("the volume of claim %s was removed, with its data", name)
			c.Hint = s.Commands.Namespaced("delete pvc "+name) + ", " + again
			return c
		case at >= 0 && claims[at].Status.Phase == corev1.ClaimPending:
			pending(s, c, &claims[at])
			return c
		}
	}
	return c
}

// provisioned is how long a class may take to make a volume, without a word.
const provisioned = 2 * time.Second

// pending explains a claim that gets no volume.
func pending(s Subject, c *Cause, claim *corev1.PersistentVolumeClaim) {
	classes := s.Cluster.StorageClasses()
	standard, names := "", []string{}
	for _, class := range classes {
		names = append(names, class.Name)
		if class.Default {
			standard = class.Name
		}
	}
	c.Hint = s.Commands.Namespaced("describe pvc " + claim.Name)
	asked := ""
	if claim.Spec.StorageClassName != nil {
		asked = *claim.Spec.StorageClassName
	}
	switch {
	case classes == nil:
	case len(classes) == 0:
		c.Text = fmt.Sprintf("claim %s gets no volume: the cluster has no storage class", claim.Name)
		c.Hint = provisionerHint(s.Commands)
	case asked == "" && standard == "":
		c.Text = fmt.Sprintf("claim %s gets no volume: no storage class is the default (there is %s)", claim.Name, strings.Join(names, ", "))
		c.Hint = s.Commands.Cluster(fmt.Sprintf("annotate storageclass %s storageclass.kubernetes.io/is-default-class=true", names[0]))
	case asked != "" && !slices.Contains(names, asked):
		c.Text = fmt.Sprintf("claim %s gets no volume: there is no storage class %q (there is %s)", claim.Name, asked, strings.Join(names, ", "))
		c.Hint = "correct storageClassName: in the overlay; the claim keeps its class: " + s.Commands.Namespaced("delete pvc "+claim.Name)
	default:
		class := asked
		if class == "" {
			class = standard
		}
		c.Text = fmt.Sprintf("claim %s waits for its volume of storage class %q", claim.Name, class)
		c.Quiet, c.Grace = provisioned, graceStart
		if e, ok := newest(s.Cluster.ClaimEvents(claim.Name), func(e Event) bool { return e.Reason == "ProvisioningFailed" }); ok {
			c.Text = Join(fmt.Sprintf("storage class %q makes no volume for claim %s", class, claim.Name), lastPart(e.Message))
			c.Quiet, c.Grace = 0, graceLong
			c.Evidence = []string{e.Message}
		}
	}
}

var mountFailed = regexp.MustCompile(`^MountVolume\.\S+ failed for volume "([^"]*)" : (.*)$`)

// notMade explains a pod on a node whose containers are not created: a volume that
// cannot be mounted, or a sandbox that cannot be made.
func notMade(s Subject) *Cause {
	if s.Pod.Spec.NodeName == "" || s.Pod.Status.Phase != corev1.PodPending {
		return nil
	}
	e, ok := newest(s.Events, func(e Event) bool {
		switch e.Reason {
		case "FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox":
			return !slices.ContainsFunc(momentary, func(words string) bool { return strings.Contains(e.Message, words) })
		}
		return false
	})
	if !ok {
		return nil
	}
	c := &Cause{Reason: e.Reason, Grace: graceShort}
	if e.Reason == "FailedCreatePodSandBox" {
		c.Text = Join("its network or sandbox cannot be set up", lastPart(e.Message))
		c.Evidence, c.Grace = []string{e.Message}, graceLong
		return c
	}
	c.Text = Join("a volume cannot be mounted", e.Message)
	m := mountFailed.FindStringSubmatch(strings.Join(strings.Fields(e.Message), " "))
	if m == nil {
		return c
	}
	c.Text = fmt.Sprintf("volume %q cannot be mounted: %s", m[1], m[2])
	if object, name, ok := missingObject(m[2]); ok {
		c.Text = fmt.Sprintf("volume %q needs %s %q, which is not there", m[1], object, name)
		c.Hint = s.createObject(object, name)
	}
	return c
}

// provisionerHint says how a cluster comes to a storage class.
func provisionerHint(commands kube.Commands) string {
	if commands.Target == "minikube" {
		return "minikube -p " + commands.Profile + " addons enable storage-provisioner; the same with default-storageclass"
	}
	return "install a storage class and its provisioner: " + commands.Cluster("get storageclass") + " shows none"
}
