package bootstrap_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap"
	"hellox/bootstrap/step"
)

// testExplained breaks pods in every way that explain knows of, on a real
// cluster, and asks for the cause in the error.
func testExplained(t *testing.T, r *rig) {
	const namespace = "hellox-explained"
	r.down(t, bootstrap.DownOptions{Namespace: namespace})
	defer r.down(t, bootstrap.DownOptions{Namespace: namespace})

	container := func(change string) string {
		return `
resources: [base]
patches:
  - target: {kind: Deployment, name: receive}
    patch: |
      - ` + change + "\n"
	}
	const at = "/spec/template/spec/containers/0"
	does := func(what string) string {
		return container(`{op: add, path: ` + at + `/env/-, value: {name: POD_DOES, value: ` + what + `}}`)
	}
	notAProgram := filepath.Join(t.TempDir(), "hellox")
	if err := os.WriteFile(notAProgram, foreignProgram(t, r.programs[0]), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		overlay  string
		want     []string // in the sentence
		evidence string
		hint     string
	}{
		{
			name:    "image is not there",
			overlay: container(`{op: replace, path: ` + at + `/image, value: "hellox.local/nothing:1"}`),
			want:    []string{"image hellox.local/nothing:1 is not on node " + r.cluster.Nodes[0].Name},
			hint:    "hellox up",
		},
		{
			name:    "image name",
			overlay: container(`{op: replace, path: ` + at + `/image, value: "hellox.local/No Name"}`),
			want:    []string{"image name", "is not valid"},
		},
		{
			name:    "pull",
			overlay: container(`{op: replace, path: `+at+`/image, value: "127.0.0.1:1/nothing:1"}`) + `      - {op: replace, path: ` + at + `/imagePullPolicy, value: Always}` + "\n",
			want:    []string{"cannot be pulled", "connection refused"},
		},
		{
			name:    "config",
			overlay: container(`{op: add, path: ` + at + `/env/-, value: {name: X, valueFrom: {configMapKeyRef: {name: absent, key: k}}}}`),
			want:    []string{`configmap "absent" not found`},
		},
		{
			name:    "unschedulable",
			overlay: container(`{op: replace, path: `+at+`/resources/requests/cpu, value: "1999"}`) + `      - {op: replace, path: ` + at + `/resources/limits/cpu, value: "1999"}` + "\n",
			want:    []string{"no node takes it", "Insufficient cpu"},
			hint:    "make room",
		},
		{
			name:    "out of memory",
			overlay: does("eat") + `      - {op: replace, path: ` + at + `/resources/limits/memory, value: 64Mi}` + "\n",
			want:    []string{"more memory than its limit, 64Mi"},
			hint:    "limits.memory",
		},
		{
			name:     "crash",
			overlay:  does("crash"),
			want:     []string{"it ended with exit code 3"},
			evidence: "the moon is in the seventh house",
			hint:     "hellox logs receive --previous",
		},
		{
			name:    "program",
			overlay: container(`{op: add, path: ` + at + `/command, value: [/absent]}`),
			want:    []string{"is not in the image"},
		},
		{
			name:    "pod security",
			overlay: container(`{op: replace, path: ` + at + `/securityContext/allowPrivilegeEscalation, value: true}`),
			want:    []string{"violates PodSecurity"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := r.options(t, namespace, r.programs[0])
			o.Overlay = overlay(t, c.overlay)
			wantFailure(t, o, c.want, c.evidence, c.hint)
		})
	}
	t.Run("another processor's program", func(t *testing.T) {
		o := r.options(t, namespace, notAProgram)
		wantFailure(t, o, []string{"exec format error"}, "", "")
	})
	t.Run("unready, at the end of the time", func(t *testing.T) {
		o := r.options(t, namespace, r.programs[0])
		o.Overlay = overlay(t, does("unready"))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := o.up(ctx, newRecorder(t))
		if err == nil || !strings.Contains(err.Error(), "Readiness probe failed") || !strings.Contains(err.Error(), "503") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("healed", func(t *testing.T) { up(t, r.options(t, namespace, r.programs[0])) })
}

func wantFailure(t *testing.T, o upOfTest, want []string, evidence, hint string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	err := o.up(ctx, newRecorder(t))
	if err == nil {
		t.Fatal("it came up")
	}
	t.Logf("known after %s", time.Since(began))
	e := new(step.Error)
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *Error", err)
	}
	t.Logf("hint: %s", e.Hint)
	for _, w := range want {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("error does not say %q: %v", w, e)
		}
	}
	if evidence != "" && !strings.Contains(strings.Join(e.Evidence, "\n"), evidence) {
		t.Errorf("evidence %q, want %q", e.Evidence, evidence)
	}
	if !strings.Contains(e.Hint, hint) {
		t.Errorf("hint %q, want %q", e.Hint, hint)
	}
}

// foreignProgram is a program whose header says that it fits the nodes, and
// that their kernel does not take: it has nothing that could be loaded.
func foreignProgram(t *testing.T, program string) []byte {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	const phnum = 56 // where a 64-bit ELF header has the number of segments
	text[phnum], text[phnum+1] = 0, 0
	return text
}
