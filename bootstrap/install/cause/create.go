package cause

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"hellox/bootstrap/kube"
)

// again is the end of a hint: what was given to up may not be left out the next time.
const again = "then the same hellox up again"

// FailedCreate is the reason of a workload that gets no pod.
const FailedCreate = "FailedCreate"

// Create explains why a controller cannot create a pod, by the message of its
// FailedCreate event or its ReplicaFailure condition.
func Create(commands kube.Commands, workload, role, message string) *Cause {
	text, hint, grace := refusal(commands, message)
	c := &Cause{
		Pod: workload, Role: role, Reason: FailedCreate, Text: "its pod is refused: " + text, Hint: hint, Grace: grace,
	}
	if c.Hint == "" {
		c.Hint = commands.Namespaced("get events")
	}
	c.fit()
	return c
}

// Refusal says in few words why the API server refuses an object, and what helps;
// the text is "" if it is not one of the refusals known here.
func Refusal(commands kube.Commands, message string) (text, hint string) {
	text, hint, _ = refusal(commands, message)
	if hint == "" {
		return "", ""
	}
	return text, hint
}

var (
	podSecurity    = regexp.MustCompile(`violates PodSecurity "([^"]*)": (.*)$`)
	parentheses    = regexp.MustCompile(` ?\([^()]*\)`)
	serviceAccount = regexp.MustCompile(`error looking up service account [^:]*: serviceaccount "([^"]*)" not found`)
	exceededQuota  = regexp.MustCompile(`exceeded quota: ([^,]*), (requested: .*)$`)
	needsQuota     = regexp.MustCompile(`failed quota: ([^:]*): (must specify .*)$`)
	priorityClass  = regexp.MustCompile(`no PriorityClass with name (\S+) was found`)
	webhookDenied  = regexp.MustCompile(`admission webhook "([^"]*)" denied the request:? ?(.*)$`)
	webhookFailed  = regexp.MustCompile(`failed calling webhook "([^"]*)": (.*)$`)
	policyDenied   = regexp.MustCompile(`ValidatingAdmissionPolicy '([^']*)' with binding '[^']*' denied request: (.*)$`)
	limitRange     = regexp.MustCompile(`is forbidden: (?:\[)?((?:maximum|minimum) .*? but (?:limit|request) is [^,\]]*)`)
	forbidden      = regexp.MustCompile(`User "([^"]*)" cannot (\S+) resource "([^"]*)"`)
)

// refusal says why the API server refused an object, what helps, and how long it may
// last. Some refusals depend on objects that come and go.
func refusal(commands kube.Commands, message string) (text, hint string, grace time.Duration) {
	message = strings.Join(strings.Fields(message), " ")
	const overlay = "correct the overlay, " + again
	var m []string
	match := func(re *regexp.Regexp) bool {
		m = re.FindStringSubmatch(message)
		return m != nil
	}
	switch {
	case match(podSecurity):
		return fmt.Sprintf("it violates PodSecurity %q: %s", m[1], parentheses.ReplaceAllString(parentheses.ReplaceAllString(m[2], ""), "")),
			"correct securityContext: in the overlay, " + again, graceNone
	case match(serviceAccount):
		return fmt.Sprintf("there is no service account %q", m[1]),
			commands.Namespaced("create serviceaccount "+m[1]) + ", or correct serviceAccountName: in the overlay", graceShort
	case match(exceededQuota):
		return fmt.Sprintf("quota %s is used up: %s", m[1], exceeded(m[2])), commands.Namespaced("edit resourcequota "+m[1]) + " to raise it", graceShort
	case match(needsQuota):
		return fmt.Sprintf("quota %s: %s", m[1], m[2]), "add resources: to the overlay, " + again, graceNone
	case match(priorityClass):
		return fmt.Sprintf("there is no PriorityClass %q", m[1]),
			commands.Cluster("create priorityclass "+m[1]) + " --value=1000, or correct priorityClassName: in the overlay", graceShort
	case match(webhookDenied):
		return Join(fmt.Sprintf("admission webhook %q refuses it", m[1]), m[2]), overlay, graceNone
	case match(webhookFailed):
		return Join(fmt.Sprintf("admission webhook %q does not answer", m[1]), webhookError(m[2])),
			commands.Cluster("get validatingwebhookconfigurations,mutatingwebhookconfigurations") + "; repair or delete it", graceLong
	case match(policyDenied):
		return Join(fmt.Sprintf("admission policy %q refuses it", m[1]), m[2]),
			commands.Cluster("get validatingadmissionpolicy "+m[1]) + " -o yaml shows its rule; correct the overlay", graceNone
	case match(limitRange):
		return m[1], commands.Namespaced("describe limitrange") + "; correct resources: in the overlay", graceNone
	case match(forbidden):
		return message, "use a kubeconfig whose user may change namespace " + commands.Namespace, graceShort
	}
	return after(message, "failed error: "), "", graceShort
}

var requested = regexp.MustCompile(`^requested: (.*), used: (.*), limited: (.*)$`)

// exceeded says of each resource what `requested: pods=1, used: pods=3, limited:
// pods=3` does.
func exceeded(message string) string {
	m := requested.FindStringSubmatch(message)
	if m == nil {
		return message
	}
	asked, used, limited := strings.Split(m[1], ","), strings.Split(m[2], ","), strings.Split(m[3], ",")
	if len(asked) != len(used) || len(asked) != len(limited) {
		return message
	}
	parts := make([]string, len(asked))
	for i := range asked {
		name, n, _ := strings.Cut(asked[i], "=")
		_, of, _ := strings.Cut(used[i], "=")
		_, all, _ := strings.Cut(limited[i], "=")
		parts[i] = fmt.Sprintf("%s of %s asked for, %s of %s used", n, name, of, all)
	}
	return strings.Join(parts, "; ")
}

// webhookError says why a webhook could not be asked.
func webhookError(message string) string {
	switch {
	case strings.Contains(message, "deadline exceeded"), strings.Contains(message, "Client.Timeout"):
		return "no answer in time"
	case strings.Contains(message, "dial tcp"), strings.Contains(message, "not found"):
		return lastPart(message)
	}
	return after(message, `": `)
}
