package build

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A Dockerfile is a list of instructions, in their order.
type Dockerfile []Instruction

// An Instruction is one of a Dockerfile. The classic builder calls the n-th of
// them step n.
type Instruction struct {
	Line int    // where it begins, from 1
	Text string // on one line
}

var (
	escapeDirective = regexp.MustCompile("(?i)^#\\s*escape\\s*=\\s*([\\\\`])\\s*$")
	syntaxDirective = regexp.MustCompile(`(?i)^#\s*syntax\s*=\s*(\S+)\s*$`)
	anyDirective    = regexp.MustCompile(`^#\s*[a-zA-Z]+\s*=`)
	heredoc         = regexp.MustCompile(`<<(-?)["']?([A-Za-z_][A-Za-z0-9_]*)["']?`)
)

// ParseDockerfile reads the instructions of text.
func ParseDockerfile(text string) Dockerfile {
	escape, directives := `\`, true
	var d Dockerfile
	var open *Instruction // continued on the next line
	var ends []string     // of the heredocs whose text is being read
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		trimmed := strings.TrimSpace(line)
		if len(ends) > 0 {
			if strings.TrimLeft(line, "\t") == ends[0] {
				ends = ends[1:]
			}
			continue
		}
		if directives = directives && anyDirective.MatchString(trimmed); directives {
			if m := escapeDirective.FindStringSubmatch(trimmed); m != nil {
				escape = m[1]
			}
			if m := syntaxDirective.FindStringSubmatch(trimmed); m != nil {
				d = append(d, Instruction{i + 1, "# syntax=" + m[1]})
			}
		}
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		if open == nil {
			d = append(d, Instruction{Line: i + 1})
			open = &d[len(d)-1]
		}
		part, continued := strings.CutSuffix(trimmed, escape)
		open.Text = strings.TrimSpace(open.Text + " " + strings.TrimSpace(part))
		if continued {
			continue
		}
		if word := open.keyword(); word == "RUN" || word == "COPY" || word == "ADD" {
			for _, m := range heredoc.FindAllStringSubmatch(open.Text, -1) {
				ends = append(ends, m[2])
			}
		}
		open = nil
	}
	return d
}

func readDockerfile(f Folder) (Dockerfile, error) {
	text, err := os.ReadFile(f.dockerfile())
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", f.Name, err)
	}
	return ParseDockerfile(string(text)), nil
}

func (i Instruction) keyword() string {
	word, _, _ := strings.Cut(i.Text, " ")
	return strings.ToUpper(word)
}

// baseImage is the image that a FROM names, or "".
func (i Instruction) baseImage() string {
	words := strings.Fields(i.Text)
	if i.keyword() != "FROM" || len(words) < len(i.flags())+2 {
		return ""
	}
	return words[1+len(i.flags())]
}

// flags are the --NAME=VALUE after the keyword.
func (i Instruction) flags() (names []string) {
	for _, word := range strings.Fields(i.Text)[1:] {
		flag, isFlag := strings.CutPrefix(word, "--")
		if !isFlag {
			break
		}
		flag, _, _ = strings.Cut(flag, "=")
		names = append(names, "--"+flag)
	}
	return names
}

// classicFlags are the flags that the classic builder has.
var classicFlags = map[string]string{"FROM": "--platform", "COPY": "--chown --from", "ADD": "--chown", "HEALTHCHECK": "--interval --timeout --start-period --retries"}

// buildKitArguments are set by BuildKit alone.
var buildKitArguments = regexp.MustCompile(`\$\{?((?:BUILD|TARGET)(?:PLATFORM|OS|ARCH|VARIANT))\b`)

// NeedsBuildKit returns the first instruction that the classic builder does not
// have, and what of it; ok is false if there is none. A syntax directive for
// Docker's own frontend asks for nothing by itself.
func (d Dockerfile) NeedsBuildKit() (at Instruction, what string, ok bool) {
	declared := make(map[string]bool)
	for _, i := range d {
		word := i.keyword()
		if frontend, is := strings.CutPrefix(i.Text, "# syntax="); is {
			if !strings.HasPrefix(strings.TrimPrefix(frontend, "docker.io/"), "docker/dockerfile:") {
				return i, "the syntax " + frontend, true
			}
			continue
		}
		if word == "ARG" {
			argument, _, given := strings.Cut(strings.TrimSpace(i.Text[len("ARG"):]), "=")
			declared[argument] = declared[argument] || given
		}
		if classic, has := classicFlags[word]; has || word == "RUN" {
			for _, flag := range i.flags() {
				if !strings.Contains(classic+" ", flag+" ") {
					return i, word + " " + flag, true
				}
			}
		}
		if (word == "RUN" || word == "COPY" || word == "ADD") && heredoc.MatchString(i.Text) && !strings.Contains(i.Text, "<<<") {
			return i, word + " " + heredoc.FindString(i.Text), true
		}
		if m := buildKitArguments.FindStringSubmatch(i.Text); m != nil && !declared[m[1]] && (word == "FROM" || word == "RUN" || word == "COPY" || word == "ADD") {
			return i, "$" + m[1], true
		}
	}
	return Instruction{}, "", false
}

// step returns the n-th instruction, from 1, as the classic builder counts them.
func (d Dockerfile) step(n int) Instruction {
	for _, i := range d {
		if strings.HasPrefix(i.Text, "#") {
			continue
		}
		if n--; n == 0 {
			return i
		}
	}
	return Instruction{}
}

// short is the instruction in at most 60 characters.
func (i Instruction) short() string {
	const most = 60
	if runes := []rune(i.Text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return cmp.Or(i.Text, "?")
}
