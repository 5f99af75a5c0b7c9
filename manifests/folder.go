package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	kustomize "sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

type resource = kustomize.Resource

// A folder is one with a kustomization, as its files say. kustomize's own errors
// tell what it tried, in several clauses; what a user can get wrong in a file is
// found here first, and told with the file's name.
type folder struct {
	dir     string
	visited []string
	objects []object
}

// An object is a document of a file.
type object struct{ file, kind, name string }

// fileOf returns the file that holds the object, or the folder if it is generated.
func (f *folder) fileOf(kind, name string) string {
	return append(f.filesOf(kind, name), f.dir)[0]
}

func (f *folder) filesOf(kind, name string) (files []string) {
	for _, o := range f.objects {
		if o.kind == kind && o.name == name {
			files = append(files, o.file)
		}
	}
	return files
}

// check reads the kustomization in dir and the files that it names.
func (f *folder) check(dir string) error {
	if slices.Contains(f.visited, filepath.Clean(dir)) {
		return nil // kustomize finds a cycle by itself
	}
	f.visited = append(f.visited, filepath.Clean(dir))
	path, err := kustomizationIn(dir)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return &FolderError{Sentence: err.Error()}
	}
	var k types.Kustomization
	if err := k.Unmarshal(text); err != nil {
		return &FolderError{Sentence: fmt.Sprintf("read %s: %s", path, strings.TrimPrefix(err.Error(), "invalid Kustomization: "))}
	}
	k.FixKustomization()
	for _, name := range slices.Concat(k.Resources, k.Components) {
		if err := f.checkNamed(dir, path, name); err != nil {
			return err
		}
	}
	for _, name := range others(k) {
		if !exists(filepath.Join(dir, name)) {
			return absent(path, name)
		}
	}
	return nil
}

// others are the files that a kustomization names besides its resources.
func others(k types.Kustomization) (names []string) {
	for _, p := range k.Patches {
		names = append(names, p.Path)
	}
	for _, r := range k.Replacements {
		names = append(names, r.Path)
	}
	sources := make([]types.KvPairSources, 0, len(k.ConfigMapGenerator)+len(k.SecretGenerator))
	for _, g := range k.ConfigMapGenerator {
		sources = append(sources, g.KvPairSources)
	}
	for _, g := range k.SecretGenerator {
		sources = append(sources, g.KvPairSources)
	}
	for _, s := range sources {
		for _, file := range s.FileSources {
			_, path, found := strings.Cut(file, "=") // KEY=PATH
			if !found {
				path = file
			}
			names = append(names, path)
		}
		names = append(append(names, s.EnvSources...), s.EnvSource)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" || strings.Contains(name, "\n") })
}

// kustomizationIn returns the path of the kustomization in dir.
func kustomizationIn(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	info, statErr := os.Stat(dir)
	switch {
	case statErr == nil && !info.IsDir():
		return "", &FolderError{Sentence: dir + " is a file; the folder that holds the kustomization is meant", Absent: true, hint: "hellox up --kustomize " + filepath.Dir(dir)}
	case errors.Is(err, fs.ErrNotExist):
		return "", &FolderError{Sentence: "there is no folder " + dir, Absent: true, hint: "hellox manifests --eject " + dir + " writes one to change"}
	case err != nil:
		return "", &FolderError{Sentence: err.Error(), Absent: true}
	}
	var found, others []string
	for _, e := range entries {
		switch name := e.Name(); {
		case slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, name):
			found = append(found, name)
		case strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml"):
			others = append(others, name)
		}
	}
	switch {
	case len(found) == 1:
		return filepath.Join(dir, found[0]), nil
	case len(found) > 1:
		return "", &FolderError{Sentence: fmt.Sprintf("%s holds both %s and %s", dir, found[0], found[1]), hint: "leave one of them"}
	case len(others) > 0:
		return "", &FolderError{
			Sentence: dir + " holds no kustomization.yaml", Absent: true,
			hint: fmt.Sprintf("echo 'resources: [%s]' > %s", strings.Join(others, ", "), filepath.Join(dir, "kustomization.yaml")),
		}
	}
	return "", &FolderError{Sentence: dir + " holds no kustomization.yaml", Absent: true, hint: "hellox manifests --eject " + dir + " writes one to change"}
}

// checkNamed checks one resource of the kustomization at path: a file or another
// folder.
func (f *folder) checkNamed(dir, path, name string) error {
	if strings.Contains(name, "\n") {
		return nil // the resource itself
	}
	file := filepath.Join(dir, name)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isRemote(name):
		return &FolderError{
			Sentence: fmt.Sprintf("%s names %s; hellox fetches nothing from the network", path, name),
			hint:     fmt.Sprintf("save it in %s, and name the file", dir),
		}
	case errors.Is(err, fs.ErrNotExist):
		return absent(path, name)
	case err != nil:
		return &FolderError{Sentence: fmt.Sprintf("%s names %s: %s", path, name, err)}
	case info.IsDir():
		return f.check(file)
	}
	return f.readObjects(file)
}

func absent(path, name string) error {
	return &FolderError{Sentence: fmt.Sprintf("%s names %s, which is not there", path, name), hint: "correct the name in " + path}
}

// isRemote reports whether a resource's name is that of a repository or a page.
func isRemote(name string) bool {
	return strings.Contains(name, "://") || strings.Contains(name, "?ref=") ||
		strings.HasPrefix(name, "github.com/") || strings.HasPrefix(name, "git@")
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// readObjects reads the documents of a file.
func (f *folder) readObjects(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return &FolderError{Sentence: err.Error()}
	}
	for documents := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var node yaml.Node
		err := documents.Decode(&node)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			where, why := file, strings.TrimPrefix(err.Error(), "yaml: ")
			if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
				where, why = file+", line "+m[1], strings.TrimPrefix(err.Error(), m[0])
			}
			return &FolderError{Sentence: fmt.Sprintf("%s: %s", where, why)}
		}
		var o struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string
			Items      []yaml.Node
			Metadata   struct{ Name string }
		}
		if err := node.Decode(&o); err != nil {
			return &FolderError{Sentence: fmt.Sprintf("%s, line %d: it is not an object of Kubernetes", file, node.Line)}
		}
		lacking := ""
		switch {
		case node.IsZero() || len(node.Content) == 0 || node.Content[0].Tag == "!!null" || len(o.Items) > 0:
			continue
		case o.Kind == "":
			lacking = "kind"
		case o.APIVersion == "":
			lacking = "apiVersion"
		case o.Metadata.Name == "":
			lacking = "metadata.name"
		}
		if lacking != "" {
			return &FolderError{Sentence: fmt.Sprintf("%s, line %d: the object has no %s", file, node.Content[0].Line, lacking)}
		}
		f.objects = append(f.objects, object{file, o.Kind, o.Metadata.Name})
	}
}
