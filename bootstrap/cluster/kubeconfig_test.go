package cluster_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A kubeconfig that cannot be read is told with its file and what helps; one that does
// not exist is empty, and several are one.
func TestLoadKubeconfig(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := file("one", "apiVersion: v1\nkind: Config\ncurrent-context: prod\ncontexts:\n- name: prod\n  context: {cluster: prod, user: u}\n")
	two := file("two", "apiVersion: v1\nkind: Config\ncurrent-context: kind-a\ncontexts:\n- name: kind-a\n  context: {cluster: kind-a, user: u}\n")
	broken := file("broken", "apiVersion: v1\nkind: Config\n  contexts: [\n")
	other := file("other", "apiVersion: v1\nkind: Config\ncontexts: 7\n")
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(dir, "absent")
	list := func(files ...string) string { return strings.Join(files, string(filepath.ListSeparator)) }
	for _, c := range []struct {
		name, kubeconfig string
		contexts         int
		current          string
		want             string
	}{
		{"absent", absent, 0, "", ""},
		{"merged", list(one, two), 2, "prod", ""},
		{"merged with one that is absent", list(absent, two, one), 2, "kind-a", ""},
		{"a folder", folder, 0, "", "the kubeconfig " + folder + " cannot be read: is a directory"},
		{"broken", broken, 0, "", "the kubeconfig " + broken + " is damaged: line 3: mapping values are not allowed in this context"},
		{"broken, after a good one", list(one, broken), 0, "", "the kubeconfig " + broken + " is damaged: line 3: mapping values are not allowed in this context"},
		{"of another form", other, 0, "", "the kubeconfig " + other + " is damaged: "},
	} {
		config, err := cluster.LoadKubeconfig(run.New([]string{"HOME=" + dir, "KUBECONFIG=" + c.kubeconfig}))
		if c.want == "" {
			if err != nil || len(config.Contexts) != c.contexts || config.CurrentContext != c.current {
				t.Errorf("%s: %+v, %v", c.name, config, err)
			}
			continue
		}
		e := (*step.Error)(nil)
		if !errors.As(err, &e) || e.Kind != step.Missing || !strings.HasPrefix(err.Error(), c.want) || e.Hint == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
