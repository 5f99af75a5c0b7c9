package image

import (
	"cmp"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A Packer makes the image from the running executable or, if that does not
// fit the nodes, from its source.
type Packer struct {
	Runner     *run.Runner
	Executable string // path of the running executable
	// Sources are directories that may lie in a clone of hellox. The first that
	// does is built.
	Sources  []string
	CacheDir string // directory for files that may be deleted: built executables
	// Building, if not nil, is called when a build begins, which takes seconds
	// to minutes.
	Building func()
}

// keepBuilt is how many built executables stay in the cache: a few targets and
// a few versions, at 50 to 60 MB each.
const keepBuilt = 4

// Pack makes the image for nodes of that architecture (as GOARCH has it).
// The caller closes it. The error is an *Error of kind Missing if the
// executable does not fit and there is no source, or no Go, to build one.
func (p Packer) Pack(ctx context.Context, arch string) (*Image, error) {
	c, err := p.choose(arch)
	if err != nil {
		return nil, err
	}
	if c.unfit != nil {
		if err := p.build(ctx, arch, c.path, c.unfit); err != nil {
			return nil, err
		}
	}
	if c.kept {
		now := time.Now()
		_ = os.Chtimes(c.path, now, now) // only the order of eviction depends on it
	}
	img, err := New(c.path, arch)
	if err != nil {
		return nil, err
	}
	img.Built = c.unfit != nil
	return img, nil
}

// NotBuilt is the full name of the image in a plan, where it is not built yet.
const NotBuilt = Repository + ":not-built"

// A choice is the executable that the image is made of.
type choice struct {
	path  string
	how   string // in words, for a sentence; "": it is to be built
	kept  bool   // it was built before
	unfit error  // if it is to be built: why the running executable does not fit
}

// choose returns what the image for nodes of that architecture is made of.
func (p Packer) choose(arch string) (choice, error) {
	unfit := Fits(p.Executable, arch)
	if unfit == nil {
		return choice{path: p.Executable, how: "this executable"}, nil
	}
	released, err := p.released(arch)
	if err != nil {
		return choice{}, err
	}
	if released != "" {
		return choice{path: released, how: "the release's " + released}, nil
	}
	path, err := p.cached(arch)
	if err != nil {
		return choice{}, err
	}
	// An incomplete file, as after a power loss, is built again.
	if Fits(path, arch) == nil {
		return choice{path: path, how: "one that up built before", kept: true}, nil
	}
	return choice{path: path, unfit: unfit}, nil
}

// BuildSource builds the source as it is now, and returns the path of the executable,
// which takes the place of the one built before.
func (p Packer) BuildSource(ctx context.Context, arch string) (path string, err error) {
	path = filepath.Join(p.CacheDir, "built", "hellox-linux-"+arch+"-watched")
	return path, p.build(ctx, arch, path, errors.New("is older than its source"))
}

// Source returns the directory of hellox's source, if there is one that can be built.
func (p Packer) Source() (dir string, ok bool) {
	if dir, ok = p.source(); !ok {
		return "", false
	}
	_, ok = p.Runner.Look("go")
	return dir, ok
}

// released returns the path of the Linux executable of a release beside the running
// one, named hellox-linux-ARCH; "" if there is none. The error is a *step.Error if it
// does not fit, or is of another version: what the nodes run must be what speaks to it.
func (p Packer) released(arch string) (string, error) {
	path := filepath.Join(filepath.Dir(p.Executable), "hellox-linux-"+arch)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err := Fits(path, arch); err != nil {
		return "", &step.Error{Kind: step.Missing, Sentence: fmt.Sprintf("%s is for the nodes (linux/%s), but it %s", path, arch, err), Hint: "put that of the release there, or remove it"}
	}
	if here, there := version(p.Executable), version(path); here != "" && there != "" && here != there {
		return "", &step.Error{Kind: step.Missing, Sentence: fmt.Sprintf("%s is of version %s, and this hellox of %s", path, there, here), Hint: "put that of the same release there, or remove it"}
	}
	return path, nil
}

// version returns what an executable was built of: the commit, else the module's
// version; "" if it does not say.
func version(path string) string {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return strings.TrimPrefix(info.Main.Version, "(devel)")
}

// cached returns the path of the executable for the nodes. It is named by the
// running executable's content: as long as that is the same, so is what was
// built for it, and `go build` (which links each time) need not run.
func (p Packer) cached(arch string) (string, error) {
	file, err := os.Open(p.Executable)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read %s: %w", p.Executable, err)
	}
	return filepath.Join(p.CacheDir, "built", fmt.Sprintf("hellox-linux-%s-%x", arch, sum.Sum(nil)[:16])), nil
}

// build makes the executable for the nodes from source, at path.
func (p Packer) build(ctx context.Context, arch, path string, unfit error) error {
	source, err := p.buildable(arch, unfit)
	if err != nil {
		return err
	}
	if p.Building != nil {
		p.Building()
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep what is built: %w", err)
	}
	temp, err := os.MkdirTemp(dir, "building-")
	if err != nil {
		return fmt.Errorf("keep what is built: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	built := filepath.Join(temp, "hellox")
	_, err = p.Runner.Run(ctx, run.Command{
		Name: "go",
		// Nothing that differs between two clones of one source may get
		// into the executable: no paths, no state of the repository.
		Args: []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", built, "./cmd/hellox"},
		Dir:  source,
		Env: []string{
			"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch,
			"GOAMD64=v1", "GOARM64=v8.0", "GOARM=7", // any node's processor will do
		},
	})
	if err != nil {
		return fmt.Errorf("build hellox for the nodes (linux/%s): %w", arch, err)
	}
	if err := Fits(built, arch); err != nil {
		return fmt.Errorf("build hellox for the nodes (linux/%s): what go build made %w", arch, err)
	}
	if err := os.Rename(built, path); err != nil {
		return fmt.Errorf("keep what is built: %w", err)
	}
	return p.evict(dir)
}

// Check says what Pack would make the image of for that architecture, or returns why
// it could not: "this executable". It builds nothing.
func (p Packer) Check(arch string) (how string, err error) {
	_, how, err = p.find(arch)
	return how, err
}

// Plan returns the image that Pack would make, and of what in words; nil if Pack would
// build an executable for it. It builds and keeps nothing. The caller closes the image.
func (p Packer) Plan(arch string) (img *Image, how string, err error) {
	path, how, err := p.find(arch)
	if err != nil || path == "" {
		return nil, how, err
	}
	img, err = New(path, arch)
	return img, how, err
}

// find returns the executable that Pack would make the image of, "" if it would build one,
// and which that is in words.
func (p Packer) find(arch string) (path, how string, err error) {
	c, err := p.choose(arch)
	if err != nil || c.unfit == nil {
		return c.path, c.how, err
	}
	source, err := p.buildable(arch, c.unfit)
	if err != nil {
		return "", "", err
	}
	return "", "one that up builds with Go from " + source, nil
}

// buildable returns the source that can be built here, or why none can.
func (p Packer) buildable(arch string, unfit error) (source string, err error) {
	refused := &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("this hellox cannot run on the nodes (linux/%s): it %s", arch, unfit),
		Hint:     fmt.Sprintf("CGO_ENABLED=0 GOOS=linux GOARCH=%s go build ./cmd/hellox makes one that can, in a clone; or put the release's hellox-linux-%s beside %s", arch, arch, p.Executable),
	}
	source, ok := p.source()
	if !ok {
		refused.Err = errors.New("and its source is not here")
		return "", refused
	}
	if _, ok := p.Runner.Look("go"); !ok {
		refused.Err = errors.New("and Go is not installed")
		return "", refused
	}
	return source, nil
}

// CompiledIn returns the directory that this package was compiled in, which lies
// in a clone if hellox runs where it was built. With -trimpath it is not absolute.
func CompiledIn() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// source returns the directory of hellox's go.mod.
func (p Packer) source() (string, bool) {
	for _, dir := range p.Sources {
		if root, ok := sourceAbove(dir); ok {
			return root, true
		}
	}
	return "", false
}

// sourceAbove looks for hellox's go.mod in dir and its parents.
func sourceAbove(dir string) (root string, ok bool) {
	if !filepath.IsAbs(dir) {
		return "", false
	}
	for !isSource(dir) {
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		dir = up
	}
	return dir, true
}

func isSource(dir string) bool {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !regexp.MustCompile(`(?m)^module hellox\r?$`).Match(mod) {
		return false
	}
	info, err := os.Stat(filepath.Join(dir, "cmd", "hellox"))
	return err == nil && info.IsDir()
}

// evict removes all but the newest few built executables, and what interrupted
// builds left.
func (p Packer) evict(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil: // another hellox has removed it
		case info.Mode().IsRegular():
			files = append(files, info)
		case time.Since(info.ModTime()) > time.Hour: // no build takes that long
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, f := range files[min(keepBuilt, len(files)):] {
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
