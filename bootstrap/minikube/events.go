package minikube

import (
	"encoding/json"
	"strings"

	"hellox/bootstrap/run"
)

// An event is one line of what minikube prints with -o json.
type event struct {
	Type string // "io.k8s.sigs.minikube.step", …info, …warning, …error
	Data struct {
		Message  string
		Name     string // of an error: "DRV_AS_ROOT"
		Advice   string
		ExitCode string
	}
}

// parseEvent parses one line; ok is false if it is not an event.
func parseEvent(line string) (e event, ok bool) {
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
		return e, false
	}
	return e, strings.HasPrefix(e.Type, "io.k8s.sigs.minikube.")
}

func parseEvents(stdout string) []event {
	var events []event
	for line := range strings.Lines(stdout) {
		if e, ok := parseEvent(strings.TrimSpace(line)); ok {
			events = append(events, e)
		}
	}
	return events
}

// step returns the text of a step of a start, without its dots; "" if the event
// is not a step.
func (e event) step() string {
	if e.Type != "io.k8s.sigs.minikube.step" {
		return ""
	}
	return strings.TrimRight(firstLine(e.Data.Message), " .")
}

// reason returns why minikube failed, from all its output. A start that succeeds
// prints error events too, and one that fails prints several: the reason is the
// one with an exit code that is not 0.
func reason(out run.Output) (sentence, advice, name string) {
	for _, e := range parseEvents(out.Stdout) {
		d := e.Data
		if e.Type != "io.k8s.sigs.minikube.error" || d.ExitCode == "" || d.ExitCode == "0" {
			continue
		}
		sentence, name = strings.TrimRight(firstLine(d.Message), "."), d.Name
		if advice = firstLine(d.Advice); strings.Contains(advice, "{{") {
			advice = "" // minikube did not fill it in
		}
	}
	if sentence != "" {
		return sentence, advice, name
	}
	// An unknown flag, or a state that prevents everything, is reported on
	// stderr, between lines of its log.
	for line := range strings.Lines(out.Stderr) {
		line = strings.TrimSpace(line)
		if line == "" || isKlog(line) {
			continue
		}
		line = strings.TrimPrefix(strings.TrimPrefix(line, "X "), "Exiting due to ")
		return strings.TrimPrefix(line, "Error: "), "", ""
	}
	for _, e := range parseEvents(out.Stdout) {
		if e.Data.Message != "" && e.step() == "" {
			return firstLine(e.Data.Message), "", ""
		}
	}
	return "", "", ""
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}

// isKlog reports whether the line is from a Kubernetes program's log:
// `E1124 11:03:39.666651   15560 start.go:158] …`.
func isKlog(line string) bool {
	return len(line) > 5 && strings.ContainsRune("IWEF", rune(line[0])) && strings.Trim(line[1:5], "0123456789") == "" && line[5] == ' '
}
