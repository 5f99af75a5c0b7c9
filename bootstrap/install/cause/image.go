package cause

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// waiting explains a container that cannot be started, or is not started yet.
func (s Subject) waiting(status corev1.ContainerStatus, w *corev1.ContainerStateWaiting) *Cause {
	c := &Cause{Reason: w.Reason, Grace: graceNone}
	image := status.Image
	if spec := s.spec(status.Name); spec != nil {
		image = spec.Image // as it was asked for
	}
	overlay := fmt.Sprintf("correct image: of container %s in the overlay, %s", status.Name, again)
	switch w.Reason {
	case "ErrImageNeverPull":
		c.Text = fmt.Sprintf("image %s is not on node %s", image, s.Pod.Spec.NodeName)
		c.Hint = buildHint(image, status.Name)
		if image == s.Image {
			c.Hint = "the same hellox up again loads it"
		}
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable":
		c.Text = Join("image "+image+" cannot be pulled", s.pullError(w.Message))
		c.Hint = "hellox pulls nothing: " + buildHint(image, status.Name)
		if image == s.Image {
			c.Hint = fmt.Sprintf("set imagePullPolicy: Never of container %s in the overlay, %s", status.Name, again)
		}
		c.Grace = graceShort
	case "InvalidImageName":
		c.Text = Join(fmt.Sprintf("image name %q is not valid", image), lastPart(w.Message))
		c.Hint = overlay
	case "ImageInspectError":
		c.Text = Join("the node cannot read image "+image, lastPart(w.Message))
	case "CreateContainerConfigError", "CreateContainerError":
		s.notConfigured(c, status.Name, w.Message)
	case "RunContainerError", "StartError":
		s.notStarted(c, status.Name, w.Message)
	case "CrashLoopBackOff":
		return s.crashLoop(status, w)
	case "PodInitializing", "ContainerCreating", "":
		if t := status.LastTerminationState.Terminated; t != nil { // it is made anew after a crash
			return s.ended(status, t)
		}
		return nil
	default:
		c.Text = Join(w.Reason, w.Message)
		c.Grace = graceShort
	}
	return c
}

// pullError returns why an image could not be pulled. While the kubelet backs off,
// only the event of the attempt has it.
func (s Subject) pullError(message string) string {
	if !strings.Contains(message, ": ") {
		if e, ok := newest(s.Events, func(e Event) bool { return e.Reason == "Failed" && strings.HasPrefix(e.Message, "Failed to pull") }); ok {
			message = e.Message
		}
	}
	// containerd tells each of its layers; the last says what happened.
	for _, mark := range []string{"dial tcp", "failed to authorize"} {
		if at := strings.LastIndex(message, mark); at >= 0 {
			return message[at:]
		}
	}
	return lastPart(message)
}

// notConfigured explains a container whose configuration refers to what is not there.
func (s Subject) notConfigured(c *Cause, container, message string) {
	if strings.Contains(message, "no command specified") {
		s.noCommand(c, container)
		return
	}
	c.Text = Join("its container cannot be created", message)
	c.Grace = graceShort
	if object, name, ok := missingObject(message); ok {
		c.Text = fmt.Sprintf("its container needs %s %q, which is not there", object, name)
		c.Hint = s.createObject(object, name)
	}
}

// noCommand explains a container whose image does not say what runs in it, nor does the
// manifest.
func (s Subject) noCommand(c *Cause, container string) {
	image := ""
	if spec := s.spec(container); spec != nil {
		image = spec.Image + " "
	}
	c.Text = fmt.Sprintf("image %shas no command: ENTRYPOINT or CMD is missing in its Dockerfile", image)
	c.Hint = fmt.Sprintf("add CMD to its Dockerfile and build it again, or command: to container %s in the overlay", container)
}

// missingObject reads `configmap "absent" not found` at the end of a message.
func missingObject(message string) (object, name string, ok bool) {
	message = strings.TrimSpace(message)
	for kind, object := range map[string]string{"configmap": "ConfigMap", "secret": "Secret"} {
		_, rest, found := strings.Cut(message, kind+` "`)
		name, end, closed := strings.Cut(rest, `"`)
		if found && closed && strings.HasPrefix(end, " not found") {
			return object, name, true
		}
	}
	return "", "", false
}

func (s Subject) createObject(object, name string) string {
	kind, from := "configmap", "--from-file=FILE"
	switch {
	case object == "Secret" && s.wantsCertificate(name):
		kind, from = "secret tls", "--cert=FILE --key=FILE"
	case object == "Secret":
		kind = "secret generic"
	}
	return s.Commands.Namespaced(fmt.Sprintf("create %s %s %s, %s", kind, name, from, again))
}

// wantsCertificate reports whether a volume of the pod takes a certificate's key from the
// Secret by name: one from any file would not have it.
func (s Subject) wantsCertificate(secret string) bool {
	return s.Pod != nil && slices.ContainsFunc(s.Pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Secret != nil && v.Secret.SecretName == secret &&
			slices.ContainsFunc(v.Secret.Items, func(i corev1.KeyToPath) bool { return i.Key == corev1.TLSPrivateKeyKey })
	})
}

// builtPrefix begins the names of images of --build, as in package build.
const builtPrefix = "hellox.local/built/"

// buildHint says how an image that is not hellox's own comes to the nodes.
func buildHint(image, container string) string {
	name := strings.TrimPrefix(image, builtPrefix)
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') { // else it is a port
		name = name[:colon]
	}
	return fmt.Sprintf("the same hellox up with --build %s=DIR builds it; or correct image: of container %s in the overlay", name, container)
}
