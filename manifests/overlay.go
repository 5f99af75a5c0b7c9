package manifests

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// The roles that a user's own manifests are completed with, and the one that
// Options.Broadcasters counts.
const (
	roleBroker    = "broker"
	roleReceive   = "receive"
	roleBroadcast = "broadcast"
)

// A FolderError says what is wrong with the folder of an overlay.
type FolderError struct {
	Sentence string
	Absent   bool   // there is no such folder, or no kustomization in it
	Unused   bool   // no container runs one of Options.Images
	Open     bool   // clients from beyond the cluster would reach a broker that asks none who it is
	hint     string // what to type or to change
}

func (e *FolderError) Error() string { return e.Sentence }

// Hint returns what to type or to change; "" if the sentence says it.
func (e *FolderError) Hint() string {
	if e.hint == "" {
		return "correct it, then the same hellox up again; kubectl kustomize DIR renders the folder alone"
	}
	return e.hint
}

// An overlayed is a user's folder, rendered.
type overlayed struct {
	folder  *folder
	objects resmap.ResMap
	own     bool // it holds nothing of the base: the manifests are the user's own
	asked   int  // Options.ClusterSize
	size    int  // of the base that is rendered beside the user's own
}

// renderOverlay renders the folder, and returns an error if what is in it cannot
// be an installation in that namespace, of that size.
func renderOverlay(options Options) (*overlayed, error) {
	dir := options.Overlay
	f := &folder{dir: dir}
	if err := f.check(dir); err != nil {
		return nil, err
	}
	objects, err := build(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, f.explain(err)
	}
	o := &overlayed{folder: f, objects: objects, own: true, asked: options.ClusterSize, size: options.size()}
	if objects.Size() == 0 {
		return nil, &FolderError{Sentence: dir + " renders no objects: its kustomization.yaml names no resources", hint: "name your manifests in it: resources: [press.yaml]"}
	}
	for _, r := range objects.Resources() {
		labels := r.GetLabels()
		if labels["app.kubernetes.io/name"] == "hellox" && slices.Contains([]string{roleBroker, roleReceive}, labels["app.kubernetes.io/component"]) {
			o.own = false
		}
	}
	if err := o.checkScope(options.Namespace); err != nil {
		return nil, err
	}
	return o, o.checkSize()
}

// checkScope returns an error if an object belongs to the whole cluster or to
// another namespace.
func (o *overlayed) checkScope(namespace string) error {
	made := 0
	for _, r := range o.objects.Resources() {
		kind, name := r.GetKind(), r.GetName()
		where := r.GetNamespace()
		switch {
		case kind == "Namespace":
			made++
			where = name
		case r.GetGvk().IsClusterScoped():
			return &FolderError{
				Sentence: fmt.Sprintf("%s: %s %s belongs to the whole cluster; up and down handle what lies in one namespace", o.folder.fileOf(kind, name), kind, name),
				hint:     fmt.Sprintf("leave it out, and apply it yourself: kubectl --context NAME apply -f %s", o.folder.fileOf(kind, name)),
			}
		}
		if where != "" && where != "hellox" && where != namespace {
			return &FolderError{
				Sentence: fmt.Sprintf("%s: %s %s is for namespace %s, and this installation is in namespace %s", o.folder.fileOf(kind, name), kind, name, where, namespace),
				hint:     fmt.Sprintf("the same hellox up with --namespace %s, or leave the namespace out", where),
			}
		}
	}
	if made > 1 {
		return &FolderError{Sentence: fmt.Sprintf("%s makes %d namespaces; an installation is in one", o.folder.dir, made), hint: "leave the Namespace objects out: hellox up makes its own"}
	}
	return nil
}

// write writes the objects to files, with what the base has beside them if they
// are the user's own, and makes them the resources of k.
func (o *overlayed) write(files filesys.FileSystem, k *types.Kustomization) error {
	text, err := o.objects.AsYaml()
	if err != nil {
		return err
	}
	if err := writeKustomization(files, "/overlay", types.Kustomization{Resources: []string{"overlay.yaml"}}); err != nil {
		return err
	}
	if err := files.WriteFile("/overlay/overlay.yaml", text); err != nil {
		return err
	}
	k.Resources = []string{"../overlay"}
	if !o.own {
		return nil
	}
	k.Resources = append(k.Resources, "../base")
	return o.writeBeside(files)
}

// ownNamespace is the namespace of a user's own manifests. Their pods are admitted
// as in any other namespace: they need not keep to the rules that the base does.
const ownNamespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: hellox\n"

// writeBeside writes the part of the base that runs beside a user's own manifests.
func (o *overlayed) writeBeside(files filesys.FileSystem) error {
	if err := copyFolder(files, "base", "/base"); err != nil {
		return err
	}
	text, err := files.ReadFile("/base/kustomization.yaml")
	if err != nil {
		return err
	}
	var base types.Kustomization
	if err := yaml.Unmarshal(text, &base); err != nil {
		return err
	}
	base.Resources = []string{roleBroker + ".yaml", roleReceive + ".yaml"}
	switch {
	case o.size == SeveralNodes:
		base.Resources = append(base.Resources, "network.yaml")
		base.Components = []string{"../" + severalComponent}
	case !o.knowsIdentities():
		// Programs that came before this broker speak as they always did.
		base.Components = []string{"../components/plain"}
	}
	if len(base.Components) > 0 {
		if err := copyFolder(files, "components", "/components"); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(o.objects.Resources(), isNamespace) {
		base.Resources = append(base.Resources, "namespace.yaml")
		if err := files.WriteFile("/base/namespace.yaml", []byte(ownNamespace)); err != nil {
			return err
		}
	}
	if err := writeKustomization(files, "/base", base); err != nil {
		return err
	}
	beside, err := build(files, "/base")
	if err != nil {
		return err
	}
	for _, r := range beside.Resources() {
		if r.GetKind() != "Namespace" && o.has(r.GetKind(), r.GetName()) {
			return &FolderError{
				Sentence: fmt.Sprintf("%s: %s %s has the name of one that hellox adds for its broker and its receiver", o.folder.fileOf(r.GetKind(), r.GetName()), r.GetKind(), r.GetName()),
				hint:     "give it another name",
			}
		}
	}
	return nil
}

// knowsIdentities reports whether one of the user's own pods mounts the authorities of
// the broker's certificate, as the component client has it.
func (o *overlayed) knowsIdentities() bool {
	return slices.ContainsFunc(o.objects.Resources(), func(r *resource) bool {
		object, err := r.Map()
		known := false
		if err == nil {
			EachMounted(object, func(kind, name string) { known = known || kind == "ConfigMap" && name == BrokerCA })
		}
		return known
	})
}

// has reports whether an object of that kind and name was rendered.
func (o *overlayed) has(kind, name string) bool {
	return slices.ContainsFunc(o.objects.Resources(), func(r *resource) bool { return r.GetKind() == kind && r.GetName() == name })
}

func isNamespace(r *resource) bool { return r.GetKind() == "Namespace" }

// What kustomize's errors say, in the forms that concern a user.
var (
	alreadyRegistered = regexp.MustCompile(`already registered id: (\w+)\.[^/]*/(\S+?)\.(?:\[noNs\]|[\w-]+)`)
	patchWithout      = regexp.MustCompile(`no resource matches strategic merge patch "(\w+)\.[^/]*/(\S+?)\.(?:\[noNs\]|[\w-]+)"`)
	outside           = regexp.MustCompile(`accumulating resources from '([^']+)': security; file`)
	accumulated       = regexp.MustCompile(`^(?:accumulating resources: |accumulation err='|accumulating resources from '[^']*': )+`)
)

// explain says in one sentence what kustomize says in several.
func (f *folder) explain(err error) error {
	text := err.Error()
	if m := alreadyRegistered.FindStringSubmatch(text); m != nil {
		sentence := fmt.Sprintf("%s holds %s %s twice", f.dir, m[1], m[2])
		if files := f.filesOf(m[1], m[2]); len(files) > 1 {
			sentence = fmt.Sprintf("%s %s is in %s and in %s", m[1], m[2], files[0], files[1])
		}
		return &FolderError{Sentence: sentence, hint: "leave one of them out"}
	}
	if m := patchWithout.FindStringSubmatch(text); m != nil {
		return &FolderError{Sentence: fmt.Sprintf("a patch in %s is for %s %s, which is not among its resources", f.dir, m[1], m[2])}
	}
	if m := outside.FindStringSubmatch(text); m != nil {
		return &FolderError{
			Sentence: fmt.Sprintf("%s names %s, which lies outside its folder", filepath.Join(f.dir, "kustomization.yaml"), m[1]),
			hint:     fmt.Sprintf("copy it into %s, or name its folder, with a kustomization.yaml in it", f.dir),
		}
	}
	text = accumulated.ReplaceAllString(text, "")
	text, _, _ = strings.Cut(text, "': must build at directory")
	return &FolderError{Sentence: fmt.Sprintf("render %s: %s", f.dir, text)}
}
