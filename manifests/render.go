package manifests

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
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

//go:embed base components move
var embedded embed.FS

// Options say which installation is rendered.
type Options struct {
	Namespace string
	// Image is the full reference of the image, with its tag; "" leaves the
	// base's.
	Image string
	// Images are the images that take the place of others, by the names of those,
	// without a tag: full references. Each must occur.
	Images map[string]string
	// Broadcasters is their number, which SpreadOf spreads over pods; nil leaves what
	// the base or the overlay says.
	Broadcasters *int
	// Receivers is the number of receive pods at size 3; nil leaves what is there.
	Receivers *int
	// ClusterSize is the number of the broker's nodes, 1 or 3; 0 leaves what an overlay
	// of the base says. Without one it is then PresentSize, that of the installation
	// there is, or else 1.
	ClusterSize, PresentSize int
	// Overlay is a folder with a kustomization to render instead of the base:
	// one that lays changes over the base, as Eject writes it, or one with
	// manifests of the user's own. Beside those the base's broker and receiver
	// are rendered. "" renders the base.
	Overlay string
}

// Render returns the objects of one installation, each in its namespace and
// marked as part of it. Namespaces come first, workloads last. What is wrong with
// the overlay is a *FolderError.
func Render(o Options) ([]*unstructured.Unstructured, error) {
	files := filesys.MakeFsInMemory()
	k, own := o.kustomization(), false
	if o.Overlay == "" {
		if err := copyFolder(files, "base", "/base"); err != nil {
			return nil, err
		}
		if o.size() == SeveralNodes {
			k.Components = []string{"../" + severalComponent}
			if err := copyFolder(files, "components", "/components"); err != nil {
				return nil, err
			}
		}
	} else {
		rendered, err := renderOverlay(o)
		if err != nil {
			return nil, err
		}
		own = rendered.own
		if err := rendered.write(files, &k); err != nil {
			return nil, fmt.Errorf("render %s: %w", o.Overlay, err)
		}
	}
	if err := writeKustomization(files, "/installation", k); err != nil {
		return nil, err
	}
	objects, err := build(files, "/installation")
	if err != nil {
		return nil, fmt.Errorf("render the manifests: %w", err)
	}
	if err := o.checkImages(objects); err != nil {
		return nil, err
	}
	rendered, err := o.mark(objects)
	if err != nil {
		return nil, err
	}
	if o.Broadcasters != nil {
		if err := setBroadcasters(rendered, *o.Broadcasters, o.Overlay); err != nil {
			return rendered, err
		}
	}
	if err := o.setReceivers(rendered); err != nil {
		return rendered, err
	}
	return rendered, o.checkReach(rendered, own)
}

// mark marks what kustomize has built as part of the installation.
func (o Options) mark(objects resmap.ResMap) ([]*unstructured.Unstructured, error) {
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
		if err := label(u, o.Namespace); err != nil {
			return nil, fmt.Errorf("render %s: %w", r.CurId(), err)
		}
		setPullPolicy(u.Object, o.Images)
		if err := setNames(u, o.Namespace); err != nil {
			return nil, fmt.Errorf("render %s: %w", r.CurId(), err)
		}
		rendered = append(rendered, u)
	}
	return rendered, nil
}

// setReceivers sets the number of receivers where there may be several.
func (o Options) setReceivers(objects []*unstructured.Unstructured) error {
	if o.Receivers == nil || ClusterSize(objects) != SeveralNodes {
		return nil
	}
	for _, u := range objects {
		if u.GetKind() == "Deployment" && u.GetName() == roleReceive {
			return unstructured.SetNestedField(u.Object, int64(*o.Receivers), "spec", "replicas")
		}
	}
	return nil
}

// setNames has the broker's certificate of the component cert-manager be for the Service
// of the namespace; kustomize changes no names within names.
func setNames(u *unstructured.Unstructured, namespace string) error {
	names, found, err := unstructured.NestedStringSlice(u.Object, "spec", "dnsNames")
	if u.GetKind() != "Certificate" || !found || err != nil {
		return err
	}
	for i, name := range names {
		if rest, ok := strings.CutPrefix(name, "broker.hellox.svc"); ok {
			names[i] = "broker." + namespace + ".svc" + rest
		}
	}
	return unstructured.SetNestedStringSlice(u.Object, names, "spec", "dnsNames")
}

// label adds the common labels that u, its pods and its volume claims do not have.
// Those of a user's own manifests stay: their selectors may name them.
func label(u *unstructured.Unstructured, namespace string) error {
	if err := addLabels(u.Object, namespace); err != nil {
		return err
	}
	for _, path := range [][]string{{"spec", "template"}, {"spec", "jobTemplate", "spec", "template"}} {
		template, found, err := unstructured.NestedFieldNoCopy(u.Object, path...)
		object, ok := template.(map[string]any)
		if err != nil || !found || !ok {
			continue // it has no pods, or its spec is of another form
		}
		if err := addLabels(object, namespace); err != nil {
			return err
		}
	}
	claims, _, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "volumeClaimTemplates")
	list, _ := claims.([]any)
	for _, claim := range list {
		if object, ok := claim.(map[string]any); ok {
			if err := addLabels(object, namespace); err != nil {
				return err
			}
		}
	}
	return nil
}

func addLabels(object map[string]any, namespace string) error {
	labels, _, err := unstructured.NestedStringMap(object, "metadata", "labels")
	if err != nil {
		return err
	}
	if labels == nil {
		labels = make(map[string]string)
	}
	for key, value := range map[string]string{"app.kubernetes.io/instance": namespace, "app.kubernetes.io/managed-by": "hellox"} {
		if labels[key] == "" {
			labels[key] = value
		}
	}
	return unstructured.SetNestedStringMap(object, labels, "metadata", "labels")
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
			Pairs:            map[string]string{InstallationLabel: o.Namespace},
			IncludeTemplates: true,
			// A claim made from a template must be found again by `down`.
			FieldSpecs: []types.FieldSpec{{
				Gvk:  resid.Gvk{Group: "apps", Kind: "StatefulSet"},
				Path: "spec/volumeClaimTemplates[]/metadata/labels", CreateIfNotPresent: true,
			}},
		}},
	}
	if o.Image != "" {
		k.Images = append(k.Images, replacement(ImageName, o.Image))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Images)) {
		k.Images = append(k.Images, replacement(name, o.Images[name]))
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

// copyFolder writes an embedded folder into dir.
func copyFolder(files filesys.FileSystem, folder, dir string) error {
	return fs.WalkDir(embedded, folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := dir + strings.TrimPrefix(path, folder)
		if d.IsDir() {
			return files.MkdirAll(to)
		}
		text, err := embedded.ReadFile(path)
		if err != nil {
			return err
		}
		return files.WriteFile(to, text)
	})
}
