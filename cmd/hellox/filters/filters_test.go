package filters

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hellox/stream/filter"
)

func opened(t *testing.T, text string) (*File, string) {
	t.Helper()
	root := t.TempDir()
	f, err := Open(func(name string) (string, bool) { return root, name == "XDG_CONFIG_HOME" })
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "hellox", "filters.toml")
	if text != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f, path
}

// A filter is kept, replaced and forgotten; comments and the order of the user's file
// stay.
func TestKeepAndForget(t *testing.T) {
	f, path := opened(t, "# mine\nhot = \"payload.temp>30\" # warm\n\nfailing = \"is:missed\"")
	for _, err := range []error{
		f.Keep(filter.Named{Name: "küche", Expression: `text:~^"err\d"`}),
		f.Keep(filter.Named{Name: "failing", Expression: "is:missed or latency>1s"}),
		f.Forget("hot"), f.Forget("nothing"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := f.All()
	if want := []filter.Named{{Name: "failing", Expression: "is:missed or latency>1s"}, {Name: "küche", Expression: `text:~^"err\d"`}}; !slices.Equal(all, want) || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	text, err := os.ReadFile(path)
	if !strings.HasPrefix(string(text), "# mine\n\nfailing = ") || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%v are left", left)
	}
}

// What takes more than a line in the file is changed all the same.
func TestKeepOverSeveralLines(t *testing.T) {
	f, _ := opened(t, "hot = \"\"\"payload.temp>30\n hot = 1\"\"\"\ncold = 'payload.temp<0'\n")
	if err := f.Keep(filter.Named{Name: "hot", Expression: "is:json"}); err != nil {
		t.Fatal(err)
	}
	all, err := f.All()
	if want := []filter.Named{{Name: "cold", Expression: "payload.temp<0"}, {Name: "hot", Expression: "is:json"}}; !slices.Equal(all, want) || err != nil {
		t.Errorf("%q, %v", all, err)
	}
}

// A file that is wrong is told with its line, and is left as it is.
func TestWrongFile(t *testing.T) {
	for _, text := range []string{"hot = \"a\"\ncold = 7\n", "hot = \"a\"\ncold = \"b\n", "hot = \"a\"\n[cold]\nx = \"y\"\n"} {
		f, path := opened(t, text)
		_, err := f.All()
		if err == nil || !strings.Contains(err.Error(), path+": line 2: ") && !strings.Contains(err.Error(), path+": line 3: ") {
			t.Errorf("%q: %v", text, err)
		}
		if err := f.Keep(filter.Named{Name: "x", Expression: "y"}); err == nil {
			t.Errorf("%q was written over", text)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	f, _ := opened(t, "")
	if all, err := f.All(); len(all) > 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	if f.Keep(filter.Named{Name: "two words", Expression: "y"}) == nil {
		t.Error("a name has a space")
	}
}
