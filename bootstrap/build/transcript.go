package build

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"hellox/bootstrap/step"
)

// keptLines is how many of a failed step's last lines are told.
const keptLines = 5

// A transcript reads what a builder prints: the classic one, BuildKit with plain
// progress, or podman.
type transcript struct {
	folder     Folder
	dockerfile Dockerfile
	progress   func(string)

	began bool // the builder has: it can be used

	mu   sync.Mutex  // stdout and stderr of a program come at once
	at   Instruction // the step under way
	last []string    // what it printed
	part string      // of a line that has not ended
}

var (
	classicStep  = regexp.MustCompile(`(?i)^(?:\[\d+/\d+\] )?step (\d+)/(\d+) ?: (.*)$`)
	buildKitStep = regexp.MustCompile(`^#\d+ \[(?:[^\]]* )?(\d+)/(\d+)\] (.*)$`)
	builderLine  = regexp.MustCompile(`^#\d+ |^(?i:Sending build context )`)
	buildKitLine = regexp.MustCompile(`^#\d+ (?:\d+\.\d+ )?(.*)$`)
	failedLine   = regexp.MustCompile(`^Dockerfile:(\d+)$`)
	parseError   = regexp.MustCompile(`(?i)dockerfile parse error(?: on)? line (\d+): (.*)$`)
	exitCode     = regexp.MustCompile(`returned a non-zero code: (\d+)|did not complete successfully: exit code: (\d+)`)
	colour       = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	chatter      = regexp.MustCompile(`^ ?---> |^Removing intermediate container|^Successfully (?:built|tagged) |^Sending build context|^DEPRECATED: |^ {6,}(?:Install|https)|^(?:DONE|CACHED|ERROR:?)\b|^\s*$|^-{3,}`)
)

// write reads what the builder printed, which may end within a line.
func (t *transcript) write(text string) {
	for line := range strings.SplitAfterSeq(t.part+text, "\n") {
		if t.part = line; strings.HasSuffix(line, "\n") {
			t.line(line)
		}
	}
}

// line reads one line.
func (t *transcript) line(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text = colour.ReplaceAllString(strings.TrimRight(text, "\r\n"), "")
	t.began = t.began || builderLine.MatchString(text)
	if m := classicStep.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		t.begin(n, m[1]+"/"+m[2], m[3])
		return
	}
	if m := buildKitStep.FindStringSubmatch(text); m != nil {
		t.begin(0, m[1]+"/"+m[2], m[3])
		return
	}
	if m := failedLine.FindStringSubmatch(text); m != nil {
		t.at.Line, _ = strconv.Atoi(m[1])
		return
	}
	if m := buildKitLine.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	if chatter.MatchString(text) {
		return
	}
	if t.last = append(t.last, text); len(t.last) > keptLines {
		t.last = t.last[1:]
	}
}

// begin notes that a step begins. The n-th instruction is meant, if n is not 0 and
// that one has this text; else the first that has it.
func (t *transcript) begin(n int, of, text string) {
	t.began, t.last = true, nil
	t.at = t.dockerfile.step(n)
	if same := strings.Join(strings.Fields(text), " "); n == 0 || !equalWords(t.at.Text, same) {
		t.at = Instruction{Text: same}
		for _, i := range t.dockerfile {
			if equalWords(i.Text, same) {
				t.at = i
				break
			}
		}
	}
	t.progress(fmt.Sprintf("%s: step %s, %s", t.folder.Name, of, t.at.short()))
}

func equalWords(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// failed returns the error of a build that failed with that message.
func (t *transcript) failed(message string) error {
	where := t.folder.dockerfile()
	hint := "correct " + where + ", then the same hellox up again"
	message = strings.TrimPrefix(strings.TrimPrefix(message, "Error response from daemon: "), "ERROR: ")
	if m := parseError.FindStringSubmatch(message); m != nil {
		return &step.Error{Sentence: fmt.Sprintf("build %s: %s, line %s: %s", t.folder.Name, where, m[1], m[2]), Hint: hint}
	}
	for _, prefix := range []string{"failed to build: ", "failed to solve: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	var evidence []string
	for _, line := range t.last {
		if !strings.Contains(line, message) {
			evidence = append(evidence, line)
		}
	}
	kind := step.Failed
	if why, ok := t.unfetched(message); ok {
		kind, message = step.Missing, why
		hint = "connect this machine to the network, or look at its proxy and name server; then the same hellox up again"
	} else if m := exitCode.FindStringSubmatch(message); m != nil {
		message = "it ended with exit code " + m[1] + m[2]
	}
	if t.at.Line > 0 {
		where += fmt.Sprintf(", line %d", t.at.Line)
	}
	if t.at.Text != "" {
		where += ", " + t.at.short()
	}
	return &step.Error{Kind: kind, Sentence: fmt.Sprintf("build %s: %s: %s", t.folder.Name, where, message), Hint: hint, Evidence: evidence}
}

// unreachable is what programs say that get nothing from the network: builders of a base
// image, go, pip, npm, curl, wget, git, apt and apk in a step.
var unreachable = regexp.MustCompile(`(?i)(?:dial tcp|lookup \S+ on |could not resolve|unable to resolve|temporary failure (?:in name resolution|resolving)|name or service not known|getaddrinfo (?:EAI_AGAIN|ENOTFOUND)|no such host|network is unreachable|failed to connect to|i/o timeout|TLS handshake timeout|request canceled while waiting for connection|temporary error \(try again later\)|DNS: transient error).*`)

// unfetched returns what could not be fetched and why, if a build failed with that message
// for want of the network. The instruction that fetches is then the one under way.
func (t *transcript) unfetched(message string) (why string, ok bool) {
	said := message
	if exitCode.MatchString(message) { // the program in the step has said why
		said = strings.Join(t.last, "\n")
	}
	if why = unreachable.FindString(said); why == "" {
		return "", false
	}
	for _, i := range t.dockerfile {
		// BuildKit looks for the base images before it begins with a step.
		if image := i.baseImage(); image != "" && t.at.Text == "" && strings.Contains(message, image) {
			t.at = i
			break
		}
	}
	if image := t.at.baseImage(); image != "" {
		return fmt.Sprintf("the base image %s could not be fetched: %s", image, why), true
	}
	return "what it fetches could not be fetched: " + why, true
}
