package rounds

import (
	"path"
	"slices"
	"strings"

	"hellox/bootstrap"
	"hellox/bootstrap/sources"
)

// program names this program among the sources.
const program = "hellox"

// treesOf returns what an installation is made of, as far as it may change: this
// program's source where up runs from it, else its executable; the folders that are
// built; the folder of the manifests. fromSource reports which of the first two.
func treesOf(up bootstrap.UpOptions) (trees []sources.Tree, fromSource bool, err error) {
	if dir, ok := up.Packer.Source(); ok {
		fromSource = true
		trees = append(trees, sources.Tree{Name: program, Path: dir, Ignored: isNoSource})
	} else {
		trees = append(trees, sources.Tree{Name: program, Path: up.Packer.Executable})
	}
	for _, f := range up.Builds {
		ignored, err := f.Ignored()
		if err != nil {
			return nil, false, err
		}
		trees = append(trees, sources.Tree{Name: f.Name, Path: f.Dir, Ignored: ignored})
	}
	if up.Overlay != "" {
		trees = append(trees, sources.Tree{Name: up.Overlay, Path: up.Overlay})
	}
	return trees, fromSource, nil
}

// isNoSource reports whether a file of the module is not part of the program: tests,
// papers, other modules.
func isNoSource(name string, isDir bool) bool {
	parts := strings.Split(name, "/")
	if slices.Contains([]string{"bench", "docs"}, parts[0]) || slices.Contains(parts, "testdata") {
		return true
	}
	if slices.ContainsFunc(parts, func(part string) bool { return strings.HasPrefix(part, ".") }) {
		return true
	}
	return !isDir && (strings.HasSuffix(name, "_test.go") || path.Ext(name) == ".md" || path.Ext(name) == "")
}
