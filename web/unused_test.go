package web

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	exports = regexp.MustCompile(`(?m)^export (?:async )?(?:const|function|class) (\w+)`)
	imports = regexp.MustCompile(`(?m)^import \{([^}]*)\} from '\./([\w.]+)';`)
	members = regexp.MustCompile(`(?m)^  (?:async )?(?:get )?(#?\w+)(?:\(.*\) \{| = .*;|;)`)
)

// TestPageHasNothingUnused holds that each export of the page's scripts is
// imported, that each import is used, and that each member of a class is named
// outside of its definition.
func TestPageHasNothingUnused(t *testing.T) {
	scripts := map[string]string{}
	all := ""
	names, err := fs.Glob(static, "static/js/*.js")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d scripts, %v", len(names), err)
	}
	for _, name := range names {
		content, err := static.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		scripts[path.Base(name)] = string(content)
		all += string(content)
	}
	imported := map[string]bool{}
	for file, script := range scripts {
		for _, m := range imports.FindAllStringSubmatch(script, -1) {
			for name := range strings.SplitSeq(m[1], ",") {
				name = strings.TrimSpace(name)
				imported[m[2]+" "+name] = true
				if occurrences(script, name) < 2 {
					t.Errorf("%s imports %s and does not use it", file, name)
				}
			}
		}
	}
	for file, script := range scripts {
		for _, m := range exports.FindAllStringSubmatch(script, -1) {
			if !imported[file+" "+m[1]] {
				t.Errorf("no script imports %s of %s", m[1], file)
			}
		}
		if !strings.Contains(script, "export class ") {
			continue
		}
		for _, m := range members.FindAllStringSubmatch(script, -1) {
			keywords := []string{"constructor", "return", "if", "for"}
			if !slices.Contains(keywords, m[1]) && !regexp.MustCompile(fmt.Sprintf(`\.%s\b`, m[1])).MatchString(all) {
				t.Errorf("%s of %s is never used", m[1], file)
			}
		}
	}
}

// occurrences counts name as a word in script.
func occurrences(script, name string) int {
	return len(regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).FindAllString(script, -1))
}
