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
# are set by hellox up. kubectl apply -k takes the same files, once the image is
# on the nodes and its tag is set here:
# images: [{name: hellox.local/hellox, newTag: TAG}]
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - base
%s
#   - components/storage-class
#   - components/page-nodeport   # or page-ingress: the page with TLS and a login
#   - components/client          # for workloads of yours that speak MQTT; or plain, mqtt-nodeport
#   - components/cert-manager    # the broker's certificate, without hellox up
#   - components/fleet           # 10,000 broadcasters in 20 pods
# patches:
#   - target: {kind: StatefulSet, name: broker}
#     patch: |
#       - {op: replace, path: /spec/template/spec/containers/0/resources/limits/memory, value: 512Mi}
`

// Eject writes the base, the components, and an overlay of the base that changes
// nothing yet but its size, into dir, which it makes. Files that are there already are
// not overwritten.
func Eject(dir string, size int) error {
	for _, name := range []string{"kustomization.yaml", "base", "components"} {
		if path := filepath.Join(dir, name); exists(path) {
			return fmt.Errorf("eject the manifests: %s is there already", path)
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("eject the manifests: %w", err)
	}
	for _, name := range []string{"base", "components"} {
		if err := copyFolder(filesys.MakeFsOnDisk(), name, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("eject the manifests: %w", err)
		}
	}
	components := "# components:\n#   - components/three-nodes     # first: a broker of three nodes, as --cluster-size 3 makes it"
	if size == SeveralNodes {
		components = "components:\n  - " + severalComponent
	}
	text := fmt.Appendf(nil, overlay, dir, components)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), text, 0o666); err != nil {
		return fmt.Errorf("eject the manifests: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
