package build

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"hellox/bootstrap/engine"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A Daemon builds with the API of a Docker daemon, whose images its cluster's pods
// run: what is built is there already. It is the classic builder; BuildKit's is a
// protocol of its own.
type Daemon engine.Docker

// Build implements Builder.
func (d Daemon) Build(ctx context.Context, f Folder, progress func(string)) (*Image, error) {
	dockerfile, err := readDockerfile(f)
	if err != nil {
		return nil, err
	}
	if at, what, needs := dockerfile.NeedsBuildKit(); needs {
		return nil, &step.Error{
			Sentence: fmt.Sprintf("build %s: %s, line %d: %s needs BuildKit, which minikube's Docker does not offer", f.Name, f.dockerfile(), at.Line, what),
			Hint:     "write it without, or name an image that is built and loaded with minikube image load",
		}
	}
	t := &transcript{folder: f, dockerfile: dockerfile, progress: progress}
	id, err := d.build(ctx, t)
	if err != nil {
		return nil, err
	}
	var in inspected
	if err := engine.Docker(d).Do(ctx, http.MethodGet, "/images/"+id+"/json", &in); err != nil {
		return nil, fmt.Errorf("build %s: %w", f.Name, ended(ctx, err))
	}
	built := in.image(f, id)
	built.Unchanged = engine.Docker(d).Do(ctx, http.MethodGet, "/images/"+built.Name()+"/json", nil) == nil
	tag := url.Values{"repo": {f.Repository()}, "tag": {built.tag()}}
	if err := engine.Docker(d).Do(ctx, http.MethodPost, "/images/"+id+"/tag?"+tag.Encode(), nil); err != nil {
		return nil, fmt.Errorf("build %s: name the image: %w", f.Name, ended(ctx, err))
	}
	return built, nil
}

// build sends the folder to the daemon and returns the ID of the image.
func (d Daemon) build(ctx context.Context, t *transcript) (id string, err error) {
	written, err := run.Pipe(t.folder.writeContext, func(r io.Reader) (err error) {
		id, err = d.post(ctx, r, t)
		return err
	})
	if written != nil {
		return "", written // what the daemon says of half an archive follows from it
	}
	return id, err
}

func (d Daemon) post(ctx context.Context, archive io.Reader, t *transcript) (id string, err error) {
	answer, err := engine.Docker(d).Send(ctx, "/build?dockerfile=Dockerfile&rm=1&forcerm=1", archive)
	if refused := (*engine.DockerError)(nil); errors.As(err, &refused) {
		return "", t.failed(refused.Message)
	}
	if err != nil {
		return "", fmt.Errorf("build %s: %w", t.folder.Name, ended(ctx, err))
	}
	defer answer.Close()
	for lines := json.NewDecoder(answer); ; {
		var line struct {
			Stream, Status, Error string
			Aux                   struct{ ID string }
		}
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF) && id != "":
			return id, nil
		case err != nil:
			return "", fmt.Errorf("build %s: read Docker's answer: %w", t.folder.Name, ended(ctx, err))
		case line.Error != "":
			return "", t.failed(line.Error)
		}
		id = cmp.Or(line.Aux.ID, id)
		if line.Stream != "" {
			t.write(line.Stream)
		}
		if line.Status != "" {
			t.progress(t.folder.Name + ": " + line.Status)
		}
	}
}

// ended returns why ctx ended, if it did, else err.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
