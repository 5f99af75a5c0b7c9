package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hellox/bootstrap/engine"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A Host builds with the container engine of this machine, through its command,
// which knows where the engine is and how to log in to registries.
type Host struct{ Runner *run.Runner }

// keptImages is how many images of a folder stay in the engine: the one that runs
// and the one before, whose layers the next build may use.
const keptImages = 2

// command returns the command of the engine; "" if there is none.
func (h Host) command() string {
	for _, e := range []string{h.Runner.Getenv("KIND_EXPERIMENTAL_PROVIDER"), "docker", "podman", "nerdctl", "finch"} {
		if e == "" {
			continue
		}
		if _, ok := h.Runner.Look(e); ok {
			return e
		}
	}
	return ""
}

// Build implements Builder.
func (h Host) Build(ctx context.Context, f Folder, progress func(string)) (*Image, error) {
	command := h.command()
	if command == "" {
		return nil, &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("build %s: neither Docker nor Podman is installed, and one must build %s", f.Name, f.dockerfile()),
			Hint:     "install Docker or Podman, or leave out --build " + f.String(),
		}
	}
	if err := engine.Local(h.Runner, command); err != nil {
		return nil, err
	}
	dockerfile, err := readDockerfile(f)
	if err != nil {
		return nil, err
	}
	if err := h.checkBuildKit(ctx, command, f, dockerfile); err != nil {
		return nil, err
	}
	t := &transcript{folder: f, dockerfile: dockerfile, progress: progress}
	id, err := h.build(ctx, command, t)
	if err != nil {
		return nil, err
	}
	in, err := h.inspect(ctx, command, id)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", f.Name, err)
	}
	built := in.image(f, id)
	_, err = h.inspect(ctx, command, built.Name())
	built.Unchanged = err == nil
	if _, err := h.Runner.Run(ctx, run.Command{Name: command, Args: []string{"tag", id, built.Name()}}); err != nil {
		return nil, fmt.Errorf("build %s: name the image: %w", f.Name, err)
	}
	built.archive = func(ctx context.Context, w io.Writer) error {
		_, err := h.Runner.Run(ctx, run.Command{Name: command, Args: []string{"save", built.Name()}, Stdout: w})
		return err
	}
	h.evict(ctx, command, built)
	return built, nil
}

// checkBuildKit returns an error if the Dockerfile needs BuildKit and docker is
// without it, as Debian's is.
func (h Host) checkBuildKit(ctx context.Context, command string, f Folder, d Dockerfile) error {
	at, what, needs := d.NeedsBuildKit()
	if !needs || command != "docker" || h.Runner.Getenv("DOCKER_BUILDKIT") == "1" {
		return nil
	}
	_, err := h.Runner.Ask(ctx, run.AnswerLimit, run.Command{Name: "docker", Args: []string{"buildx", "version"}})
	if err == nil && h.Runner.Getenv("DOCKER_BUILDKIT") != "0" {
		return nil
	}
	return &step.Error{
		Sentence: fmt.Sprintf("build %s: %s, line %d: %s needs BuildKit, which this Docker is without", f.Name, f.dockerfile(), at.Line, what),
		Hint:     "install docker-buildx, or write it without " + what,
	}
}

// build runs the engine's build and returns the image's ID.
func (h Host) build(ctx context.Context, command string, t *transcript) (id string, err error) {
	dir, err := os.MkdirTemp("", "hellox-build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	idFile := filepath.Join(dir, "id")
	args := []string{"build", "--iidfile", idFile}
	if command == "docker" || command == "podman" {
		args = append(args, "--force-rm") // else the container of a step that failed stays
	}
	_, err = h.Runner.Run(ctx, run.Command{
		Name: command, Args: append(args, t.folder.Dir), Line: t.line, ErrLine: t.line,
		// Attestations hold the time of the build: each would be another image.
		Env: []string{"BUILDKIT_PROGRESS=plain", "BUILDX_NO_DEFAULT_ATTESTATIONS=1"},
	})
	if exit := (*run.ExitError)(nil); errors.As(err, &exit) {
		// Once it builds, what sounds so is what a step says: "failed to connect to".
		if unusable := engine.Failure(command, exit.Stderr); unusable != nil && !t.began {
			unusable.Sentence = "build " + t.folder.Name + ": " + unusable.Sentence
			return "", unusable
		}
		return "", t.failed(exit.LastLine())
	}
	if err != nil {
		return "", fmt.Errorf("build %s: %w", t.folder.Name, err)
	}
	text, err := os.ReadFile(idFile)
	if err != nil {
		return "", fmt.Errorf("build %s: %s has not told the image's ID: %w", t.folder.Name, command, err)
	}
	return strings.TrimSpace(string(text)), nil
}

func (h Host) inspect(ctx context.Context, command, name string) (inspected, error) {
	out, err := h.Runner.Ask(ctx, run.AnswerLimit, run.Command{Name: command, Args: []string{"image", "inspect", name}})
	if err != nil {
		return inspected{}, err
	}
	var all []inspected
	if err := json.Unmarshal([]byte(out.Stdout), &all); err != nil || len(all) != 1 {
		return inspected{}, fmt.Errorf("the answer of %s image inspect is not JSON of one image", command)
	}
	return all[0], nil
}

// evict removes the folder's images from the engine but the newest. What cannot be
// removed is in use.
func (h Host) evict(ctx context.Context, command string, built *Image) {
	names := h.list(ctx, command, built.Folder.Repository())
	for i, name := range names {
		if i >= keptImages && name != built.Name() {
			_, _ = h.Runner.Run(ctx, run.Command{Name: command, Args: []string{"rmi", name}})
		}
	}
}

// list returns the names of a repository's images in the engine, the newest first; of
// all images without a repository.
func (h Host) list(ctx context.Context, command string, repository ...string) []string {
	out, err := h.Runner.Ask(ctx, run.AnswerLimit, run.Command{
		Name: command, Args: append([]string{"images", "--format", "{{.Repository}}:{{.Tag}}"}, repository...),
	})
	if err != nil {
		return nil
	}
	return strings.Fields(out.Stdout)
}

// Remove removes the images of those names from the engine, as far as they are
// there and not in use, and returns how many it removed, and those that are left.
func (h Host) Remove(ctx context.Context, names []string) (removed int, left []string) {
	command := h.command()
	if command == "" {
		return 0, nil
	}
	for _, name := range names {
		_, err := h.Runner.Run(ctx, run.Command{Name: command, Args: []string{"rmi", name}})
		switch {
		case err == nil:
			removed++
		case slices.Contains(h.list(ctx, command, name), name):
			left = append(left, name)
		}
	}
	return removed, left
}

// Built returns the names of all images that the engine has of builds, and the command
// that removes them.
func (h Host) Built(ctx context.Context) (names []string, remove string) {
	command := h.command()
	if command == "" {
		return nil, ""
	}
	for _, name := range h.list(ctx, command) {
		if strings.HasPrefix(name, Prefix) {
			names = append(names, name)
		}
	}
	return names, h.RemoveCommand(names)
}

// RemoveCommand is what a person types to remove images from the engine.
func (h Host) RemoveCommand(names []string) string {
	return h.command() + " rmi " + strings.Join(names, " ")
}
