package manifests

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const overlay = `# Change this as you like, then: hellox up --kustomize %s
# base/ is what this version of hellox applies; leave it, and lay your changes
# over it here. The namespace, the image's tag and the number of broadcasters
# are set by hellox up.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - base
# patches:
#   - target: {kind: StatefulSet, name: broker}
#     patch: |
#       - {op: replace, path: /spec/template/spec/containers/0/resources/limits/memory, value: 512Mi}
`

// Eject writes the base, and an overlay of it that changes nothing yet, into
// dir, which it makes. Files that are there already are not overwritten.
func Eject(dir string) error {
	for _, name := range []string{"kustomization.yaml", "base"} {
		if path := filepath.Join(dir, name); exists(path) {
			return fmt.Errorf("eject the manifests: %s is there already", path)
		}
	}
	base := filepath.Join(dir, "base")
	if err := os.MkdirAll(base, 0o777); err != nil {
		return fmt.Errorf("eject the manifests: %w", err)
	}
	if err := copyBase(filesys.MakeFsOnDisk(), base); err != nil {
		return fmt.Errorf("eject the manifests: %w", err)
	}
	text := fmt.Appendf(nil, overlay, dir)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), text, 0o666); err != nil {
		return fmt.Errorf("eject the manifests: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
