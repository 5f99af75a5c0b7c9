package manifests

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/yaml"
)

// ImageName is the image in the base that Options.Image takes the place of.
const ImageName = "hellox.local/hellox"

// InstallationLabel marks every object, pod template and volume claim of an
// installation; its value is the installation's namespace. An object without
// it is somebody else's.
const InstallationLabel = "hellox.local/installation"

//go:embed base
var base embed.FS

// Options say which installation is rendered.
type Options struct {
	Namespace string
	// Image is the full reference of the image, with its tag; "" leaves the
	// base's.
	Image string
	// Broadcasters is the number of broadcast pods; nil leaves what the base
	// or the overlay says.
	Broadcasters *int
	// Overlay is a folder with a kustomization to render instead of the
	// base, as Eject writes one; "" renders the base.
	Overlay string
}

// Render returns the objects of one installation, each in its namespace and
// marked as part of it. Namespaces come first, workloads last.
func Render(o Options) ([]*unstructured.Unstructured, error) {
	files := filesys.MakeFsInMemory()
	if o.Overlay == "" {
		if err := copyBase(files, "/base"); err != nil {
			return nil, err
		}
	} else {
		objects, err := build(filesys.MakeFsOnDisk(), o.Overlay)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", o.Overlay, err)
		}
		text, err := objects.AsYaml()
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", o.Overlay, err)
		}
		if err := writeKustomization(files, "/base", types.Kustomization{Resources: []string{"overlay.yaml"}}); err != nil {
			return nil, err
		}
		if err := files.WriteFile("/base/overlay.yaml", text); err != nil {
			return nil, err
		}
	}
	if err := writeKustomization(files, "/installation", o.kustomization()); err != nil {
		return nil, err
	}
	objects, err := build(files, "/installation")
	if err != nil {
		return nil, fmt.Errorf("render the manifests: %w", err)
	}
	rendered := make([]*unstructured.Unstructured, 0, objects.Size())
	for _, r := range objects.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", r.CurId(), err)
		}
		u := new(unstructured.Unstructured)
		if err := u.UnmarshalJSON(text); err != nil {
			return nil, fmt.Errorf("render %s: %w", r.CurId(), err)
		}
		rendered = append(rendered, u)
	}
	return rendered, nil
}

// YAML writes objects as a stream of YAML documents.
func YAML(objects []*unstructured.Unstructured) ([]byte, error) {
	var b strings.Builder
	for i, u := range objects {
		text, err := yaml.Marshal(u.Object)
		if err != nil {
			return nil, fmt.Errorf("write %s %s as YAML: %w", u.GetKind(), u.GetName(), err)
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		b.Write(text)
	}
	return []byte(b.String()), nil
}

// kustomization is what an installation lays over the base.
func (o Options) kustomization() types.Kustomization {
	k := types.Kustomization{
		Resources:   []string{"../base"},
		Namespace:   o.Namespace,
		SortOptions: &types.SortOptions{Order: types.LegacySortOrder},
		Labels: []types.Label{{
			Pairs: map[string]string{
				InstallationLabel:              o.Namespace,
				"app.kubernetes.io/instance":   o.Namespace,
				"app.kubernetes.io/managed-by": "hellox",
			},
			IncludeTemplates: true,
			// A claim made from a template must be found again by `down`.
			FieldSpecs: []types.FieldSpec{{
				Gvk:  resid.Gvk{Group: "apps", Kind: "StatefulSet"},
				Path: "spec/volumeClaimTemplates[]/metadata/labels", CreateIfNotPresent: true,
			}},
		}},
	}
	if o.Image != "" {
		name, tag := o.Image, ""
		if i := strings.LastIndexByte(o.Image, ':'); i > strings.LastIndexByte(o.Image, '/') {
			name, tag = o.Image[:i], o.Image[i+1:]
		}
		k.Images = []types.Image{{Name: ImageName, NewName: name, NewTag: tag}}
	}
	if o.Broadcasters != nil {
		k.Replicas = []types.Replica{{Name: "broadcast", Count: int64(*o.Broadcasters)}}
	}
	return k
}

// build runs kustomize on the kustomization in dir.
func build(files filesys.FileSystem, dir string) (resmap.ResMap, error) {
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified // the kustomization says it
	return krusty.MakeKustomizer(options).Run(files, dir)
}

func writeKustomization(files filesys.FileSystem, dir string, k types.Kustomization) error {
	k.TypeMeta = types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind}
	text, err := yaml.Marshal(k)
	if err != nil {
		return fmt.Errorf("write a kustomization: %w", err)
	}
	return files.WriteFile(dir+"/kustomization.yaml", text)
}

// copyBase writes the built-in base into dir.
func copyBase(files filesys.FileSystem, dir string) error {
	return fs.WalkDir(base, "base", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := base.ReadFile(path)
		if err != nil {
			return err
		}
		return files.WriteFile(dir+strings.TrimPrefix(path, "base"), text)
	})
}
