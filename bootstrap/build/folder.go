package build

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"hellox/bootstrap/image"
	"hellox/bootstrap/step"
)

// Prefix begins the names of all images that are built. It is a registry that does
// not exist: runtimes put their own before a name without one.
const Prefix = "hellox.local/built/"

// A Folder is one with a Dockerfile.
type Folder struct {
	Name string // of the image, as the manifests have it, without a tag
	Dir  string
}

// portOf finds the port in the name of a registry.
var portOf = regexp.MustCompile(`:(\d+)`)

// Repository is the name, without its tag, of the image that is built.
func (f Folder) Repository() string {
	return Prefix + portOf.ReplaceAllString(f.Name, "-$1")
}

// Placeholder is a full name of the image that is used before it is built.
func (f Folder) Placeholder() string { return f.Repository() + ":not-built" }

func (f Folder) String() string { return f.Name + "=" + f.Dir }

// Parse reads a NAME=DIR. The error is a *step.Error of kind Ambiguous.
func Parse(text string) (Folder, error) {
	wrong := func(sentence, hint string) (Folder, error) {
		return Folder{}, &step.Error{Kind: step.Ambiguous, Sentence: "--build " + text + ": " + sentence, Hint: hint}
	}
	image1, dir, found := strings.Cut(text, "=")
	if !found || image1 == "" || dir == "" {
		return wrong("it is not NAME=DIR", "hellox up --build press=./press: the image's name in the manifests, and the folder of its Dockerfile")
	}
	if repository, err := name.NewRepository(image1, name.WeakValidation); err != nil {
		if ref, err := name.ParseReference(image1); err == nil {
			bare := strings.TrimSuffix(image1[:len(image1)-len(ref.Identifier())], ":")
			bare = strings.TrimSuffix(bare, "@")
			return wrong("the name has a tag; what is built gets one of its own", "--build "+bare+"="+dir)
		}
		return wrong(image1+" is no name of an image", "--build "+strings.ToLower(filepath.Base(dir))+"="+dir)
	} else if repository.Name() == image.Repository {
		return wrong("that is hellox itself, which up packs", "leave it out")
	}
	f := Folder{Name: image1, Dir: dir}
	switch info, err := os.Stat(dir); {
	case err != nil:
		return wrong("there is no folder "+dir, "--build "+image1+"=DIR, where DIR holds its Dockerfile")
	case !info.IsDir():
		return wrong(dir+" is a file; the folder that holds it is meant", "--build "+image1+"="+filepath.Dir(dir))
	}
	if _, err := os.Stat(f.dockerfile()); err != nil {
		return wrong(dir+" holds no Dockerfile", "write "+f.dockerfile()+", or name the folder that holds it")
	}
	return f, nil
}

// ParseAll parses several, whose names must differ.
func ParseAll(texts []string) ([]Folder, error) {
	var folders []Folder
	byRepository := make(map[string]string)
	for _, text := range texts {
		f, err := Parse(text)
		if err != nil {
			return nil, err
		}
		if other, taken := byRepository[f.Repository()]; taken {
			return nil, &step.Error{Kind: step.Ambiguous, Sentence: fmt.Sprintf("--build names image %s twice: %s and %s", f.Name, other, f.Dir), Hint: "leave one of them out"}
		}
		byRepository[f.Repository()] = f.Dir
		folders = append(folders, f)
	}
	return folders, nil
}

func (f Folder) dockerfile() string { return filepath.Join(f.Dir, "Dockerfile") }
