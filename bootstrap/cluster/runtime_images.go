package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"hellox/bootstrap/image"
	"hellox/bootstrap/run"
)

// RuntimeImages is the NodeImages that runs the runtime's own commands on the
// nodes.
type RuntimeImages struct {
	Shell   Shell
	Runtime string // "containerd", "docker" or "cri-o"
}

// inspectScript prints what the node's runtime knows of image $1, as JSON.
// crictl shows what the kubelet sees. A node may lack it, because it is not part
// of Kubernetes; the image's manifest serves as well.
const inspectScript = `if command -v crictl >/dev/null 2>&1; then exec crictl inspecti -o json "$1"; fi
set -- $(ctr -n k8s.io images ls "name==$1")
if [ $# -lt 9 ]; then echo "no such image" >&2; exit 1; fi
exec ctr -n k8s.io content get "$9"`

// inspected is an answer of inspectScript: crictl's has Status and Info, a
// manifest has Config.
type inspected struct {
	Status struct {
		ID string `json:"id"`
	} `json:"status"`
	Info struct {
		ImageSpec struct {
			RootFS struct {
				DiffIDs []string `json:"diff_ids"`
			} `json:"rootfs"`
		} `json:"imageSpec"`
	} `json:"info"`
	Config struct {
		Digest string `json:"digest"`
	} `json:"config"`
}

// Has implements NodeImages.
func (i RuntimeImages) Has(ctx context.Context, node string, img image.Identity) (bool, error) {
	out, err := i.Shell.Run(ctx, node, nil, "sh", "-c", inspectScript, "sh", img.Name)
	if isAbsent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return isInspected(img, out.Stdout)
}

// isInspected reports whether answer, of inspectScript, describes img.
func isInspected(img image.Identity, answer string) (bool, error) {
	var in inspected
	if err := json.Unmarshal([]byte(answer), &in); err != nil {
		return false, fmt.Errorf("the answer of the node's runtime is not JSON: %w", err)
	}
	return img.Is(in.Status.ID, in.Info.ImageSpec.RootFS.DiffIDs) || in.Config.Digest == img.ID, nil
}

// Load implements NodeImages. One command loads and asks, because each costs the time
// to begin a process in a container.
func (i RuntimeImages) Load(ctx context.Context, node string, img image.Identity, archive io.Reader) (confirmed bool, err error) {
	out, err := i.Shell.Run(ctx, node, archive, "sh", "-c", loadScript(i.Runtime), "sh", img.Name)
	if isAbsent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return isInspected(img, out.Stdout)
}

// loadScript loads the archive on stdin and then does what inspectScript does.
func loadScript(runtime string) string {
	command := "ctr -n k8s.io images import -"
	switch runtime {
	case "docker":
		command = "docker load --quiet"
	case "cri-o":
		command = "podman load --quiet" // cri-o and podman share one store
	}
	return command + " >/dev/null || exit\n" + inspectScript
}

// isAbsent reports whether err says that the runtime does not have the image.
func isAbsent(err error) bool {
	exit := (*run.ExitError)(nil)
	return errors.As(err, &exit) && strings.Contains(exit.Stderr, "no such image")
}

// Compressed implements NodeImages. 57 MB through pipes into containerd, which
// hashes and stores them, take longer than to compress them and send a third.
func (i RuntimeImages) Compressed() bool { return true }

// listScript prints the images as crictl does, else their names, one a line.
const listScript = `if command -v crictl >/dev/null 2>&1; then exec crictl images -o json; fi
exec ctr -n k8s.io images ls -q`

// List implements NodeImages.
func (i RuntimeImages) List(ctx context.Context, node, repository string) ([]string, error) {
	out, err := i.Shell.Run(ctx, node, nil, "sh", "-c", listScript)
	if err != nil {
		return nil, err
	}
	names := strings.Fields(out.Stdout)
	if strings.HasPrefix(strings.TrimSpace(out.Stdout), "{") {
		if names, err = crictlImages(out.Stdout); err != nil {
			return nil, err
		}
	}
	var ours []string
	for _, name := range names {
		if strings.HasPrefix(name, repository+":") {
			ours = append(ours, name)
		}
	}
	return ours, nil
}

// crictlImages returns the names in what `crictl images -o json` prints.
func crictlImages(answer string) ([]string, error) {
	var list struct {
		Images []struct {
			RepoTags []string `json:"repoTags"`
		} `json:"images"`
	}
	if err := json.Unmarshal([]byte(answer), &list); err != nil {
		return nil, fmt.Errorf("the answer of the node's runtime is not JSON: %w", err)
	}
	var names []string
	for _, image := range list.Images {
		names = append(names, image.RepoTags...)
	}
	return names, nil
}

const removeScript = `if command -v crictl >/dev/null 2>&1; then exec crictl rmi "$1"; fi
exec ctr -n k8s.io images rm --sync "$1"`

// Remove implements NodeImages.
func (i RuntimeImages) Remove(ctx context.Context, node, name string) error {
	_, err := i.Shell.Run(ctx, node, nil, "sh", "-c", removeScript, "sh", name)
	return err
}
