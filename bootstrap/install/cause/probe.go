package cause

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A failedProbe is what the kubelet tells of a probe that failed.
type failedProbe struct {
	kind   string // readiness, liveness or startup
	answer string
	count  int
}

// probeEvent reads `Readiness probe failed: HTTP probe failed with statuscode: 404`.
func (s Subject) probeEvent(e Event) (p failedProbe, ok bool) {
	kind, answer, ok := strings.Cut(e.Message, " probe failed: ")
	if !ok {
		kind, answer, ok = strings.Cut(e.Message, " probe errored: ")
	}
	if !ok || e.Reason != "Unhealthy" {
		return p, false
	}
	p = failedProbe{kind: strings.ToLower(kind), count: e.Count}
	p.answer = s.probeAnswer(s.probe(e.Container, p.kind), strings.Join(strings.Fields(answer), " "))
	return p, true
}

// lastProbe returns the newest failure of one of the kinds of probe of a container.
func (s Subject) lastProbe(container string, kinds ...string) (failedProbe, bool) {
	e, ok := newest(s.Events, func(e Event) bool {
		p, ok := s.probeEvent(e)
		return ok && (e.Container == "" || e.Container == container) && slices.Contains(kinds, p.kind)
	})
	if !ok {
		return failedProbe{}, false
	}
	return s.probeEvent(e)
}

// probeKilled returns the probe for which the kubelet ended a container.
func (s Subject) probeKilled(container string) (failedProbe, bool) {
	e, ok := newest(s.Events, func(e Event) bool {
		return e.Reason == "Killing" && strings.HasPrefix(e.Message, "Container "+container+" failed ") && strings.Contains(e.Message, " probe")
	})
	if !ok {
		return failedProbe{}, false
	}
	kind := "liveness"
	if strings.Contains(e.Message, "failed startup probe") {
		kind = "startup"
	}
	p, ok := s.lastProbe(container, kind)
	if !ok {
		p = failedProbe{kind: kind, answer: "no answer is known"}
	}
	return p, true
}

// unready explains a container that runs and is not ready.
func (s Subject) unready(status corev1.ContainerStatus) *Cause {
	c := &Cause{
		Reason: "Unready", Text: "it runs and is not ready", Unready: true, Early: true, Grace: graceProbe,
		Hint: s.logs(status.Name, false),
	}
	p, ok := s.lastProbe(status.Name, "readiness", "startup", "liveness")
	if !ok {
		return c
	}
	c.Reason = "Unhealthy"
	c.Text = fmt.Sprintf("it runs and is not ready: its %s probe failed: %s", p.kind, p.answer)
	// Kubernetes itself takes a probe for failed only then.
	threshold := 3
	probe := s.probe(status.Name, p.kind)
	if probe != nil && probe.FailureThreshold > 0 {
		threshold = int(probe.FailureThreshold)
	}
	if probe != nil && probe.HTTPGet != nil && strings.Contains(p.answer, " answers ") {
		c.Asked = s.port(probe.HTTPGet.Port) + probe.HTTPGet.Path
	}
	c.Early = p.count < threshold
	return c
}

// Answered adds to a cause what a role of hellox answers where Asked says: the kubelet
// tells the code alone.
func (c *Cause) Answered(body []byte) {
	var said struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &said) != nil || said.Detail == "" || c.Asked == "" {
		return
	}
	_, path, _ := strings.Cut(c.Asked, "/")
	c.Asked = "" // it is told once
	c.Text = Join("it runs and is not ready (/"+path+")", said.Detail)
	c.Evidence = nil
	c.fit()
}

// probe returns a container's probe of that kind, or nil.
func (s Subject) probe(container, kind string) *corev1.Probe {
	spec := s.spec(container)
	if spec == nil {
		return nil
	}
	switch kind {
	case "readiness":
		return spec.ReadinessProbe
	case "liveness":
		return spec.LivenessProbe
	}
	return spec.StartupProbe
}

var (
	statusCode = regexp.MustCompile(`^HTTP probe failed with statuscode: (\d+)$`)
	httpError  = regexp.MustCompile(`^Get "([^"]*)": (.*)$`)
)

// probeAnswer says in few words what was asked and what the answer was.
func (s Subject) probeAnswer(p *corev1.Probe, answer string) string {
	asked := ""
	switch {
	case p == nil:
	case p.HTTPGet != nil:
		asked = fmt.Sprintf("GET :%s%s", s.port(p.HTTPGet.Port), p.HTTPGet.Path)
	case p.TCPSocket != nil:
		asked = "connect to :" + s.port(p.TCPSocket.Port)
	case p.Exec != nil:
		asked = strings.Join(p.Exec.Command, " ")
	}
	if m := statusCode.FindStringSubmatch(answer); m != nil {
		return strings.TrimSpace(asked + " answers " + m[1])
	}
	if m := httpError.FindStringSubmatch(answer); m != nil {
		if u, err := url.Parse(m[1]); err == nil {
			asked = "GET :" + u.Port() + u.Path
		}
		answer = m[2]
	}
	switch {
	case strings.Contains(answer, "Client.Timeout exceeded"), strings.Contains(answer, "i/o timeout"):
		answer = "no answer in time"
	case strings.HasPrefix(answer, "dial tcp "):
		answer = lastPart(answer)
	}
	return Join(asked, answer)
}

// port returns the number of a port that may be given by name.
func (s Subject) port(port intstr.IntOrString) string {
	for _, container := range s.Pod.Spec.Containers {
		for _, p := range container.Ports {
			if port.Type == intstr.String && p.Name == port.StrVal {
				return fmt.Sprint(p.ContainerPort)
			}
		}
	}
	return port.String()
}
