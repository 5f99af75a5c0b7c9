package build_test

import (
	"slices"
	"testing"

	"hellox/bootstrap/build"
)

func TestNeedsBuildKit(t *testing.T) {
	for name, c := range map[string]struct {
		text, what string
		line       int
	}{
		"plain":                    {"FROM scratch\nCOPY --from=x --chown=1:1 a /a\nRUN echo --mount\nHEALTHCHECK --interval=1s CMD x\n", "", 0},
		"mount":                    {"# a comment\nFROM scratch\n\nRUN --mount=type=cache,target=/x make\n", "RUN --mount", 4},
		"mount on a later line":    {"FROM scratch\nRUN \\\n  # why\n  --mount=type=cache,target=/x \\\n  make\n", "RUN --mount", 2},
		"network":                  {"FROM scratch\nrun --network=none make\n", "RUN --network", 2},
		"chmod":                    {"FROM scratch\nCOPY --chmod=755 a /a\n", "COPY --chmod", 2},
		"link":                     {"FROM scratch\nCOPY --chown=1 --link a /a\n", "COPY --link", 2},
		"checksum":                 {"FROM scratch\nADD --checksum=sha256:1 a /a\n", "ADD --checksum", 2},
		"heredoc":                  {"FROM scratch\nRUN <<EOF\nCOPY --link a b\nEOF\n", "RUN <<EOF", 2},
		"heredoc of a file":        {"FROM scratch\nCOPY <<-\"E\" /a\nx\n\tE\nRUN x\n", "COPY <<-\"E\"", 2},
		"here-string of bash":      {"FROM scratch\nRUN cat <<<EOF\n", "", 0},
		"Docker's own syntax":      {"# syntax=docker/dockerfile:1\nFROM scratch\n", "", 0},
		"another syntax":           {"# syntax=example.org/front:1\nFROM scratch\n", "the syntax example.org/front:1", 1},
		"a comment about syntax":   {"FROM scratch\n# syntax=example.org/front:1\n", "", 0},
		"build platform":           {"FROM --platform=$BUILDPLATFORM golang AS b\n", "$BUILDPLATFORM", 1},
		"target arch":              {"FROM scratch\nRUN GOARCH=${TARGETARCH} make\n", "$TARGETARCH", 2},
		"target arch with a value": {"FROM scratch\nARG TARGETARCH=amd64\nRUN GOARCH=$TARGETARCH make\n", "", 0},
		"Windows":                  {"# escape=`\r\nFROM scratch\r\nCOPY a `\r\n  C:\\a\\\r\nCOPY --link a b\r\n", "COPY --link", 5},
	} {
		at, what, needs := build.ParseDockerfile(c.text).NeedsBuildKit()
		if what != c.what || at.Line != c.line || needs != (c.what != "") {
			t.Errorf("%s: line %d, %q, %t; want line %d, %q", name, at.Line, what, needs, c.line, c.what)
		}
	}
}

func TestInstructions(t *testing.T) {
	text := "# syntax=docker/dockerfile:1\n\nARG A=1\nFROM scratch\nRUN a && \\\n\n    # why\n    b\nRUN <<EOF\nFROM nothing\nEOF\nCMD [\"x\"]\n"
	var got []build.Instruction
	for _, i := range build.ParseDockerfile(text) {
		got = append(got, i)
	}
	want := []build.Instruction{{1, "# syntax=docker/dockerfile:1"}, {3, "ARG A=1"}, {4, "FROM scratch"}, {5, "RUN a && b"}, {9, "RUN <<EOF"}, {12, `CMD ["x"]`}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
