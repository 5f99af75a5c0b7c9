package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
)

// replacement puts an image in the place of another one.
func replacement(name, image string) types.Image {
	to, tag := image, ""
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		to, tag = image[:i], image[i+1:]
	}
	return types.Image{Name: name, NewName: to, NewTag: tag}
}

// checkImages returns an error if no container runs one of o.Images.
func (o Options) checkImages(objects resmap.ResMap) error {
	if len(o.Images) == 0 {
		return nil
	}
	var used []string
	for _, r := range objects.Resources() {
		object, err := r.Map()
		if err != nil {
			return err
		}
		eachContainer(object, func(container map[string]any) {
			if image, _ := container["image"].(string); image != "" {
				used = append(used, image)
			}
		})
	}
	slices.Sort(used)
	built := slices.Collect(maps.Values(o.Images))
	others := slices.DeleteFunc(slices.Compact(slices.Clone(used)), func(image string) bool {
		return strings.HasPrefix(image, ImageName) || slices.Contains(built, image)
	})
	for _, name := range slices.Sorted(maps.Keys(o.Images)) {
		if slices.Contains(used, o.Images[name]) {
			continue
		}
		e := &FolderError{Sentence: fmt.Sprintf("--build %s: no container of the manifests runs image %s", name, name), Unused: true}
		e.hint = "name it in a manifest, and its folder with --kustomize"
		if len(others) > 0 {
			e.hint = "they run " + strings.Join(others, ", ")
		}
		return e
	}
	return nil
}

// setPullPolicy makes the containers of those images run what is on their node:
// no registry has it.
func setPullPolicy(object map[string]any, images map[string]string) {
	if len(images) == 0 {
		return
	}
	eachContainer(object, func(container map[string]any) {
		for _, image := range images {
			if container["image"] == image {
				container["imagePullPolicy"] = "Never"
			}
		}
	})
}

// eachContainer calls f with the containers of an object, wherever its pods are
// described.
func eachContainer(value any, f func(container map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			list, isList := inner.([]any)
			if isList && (key == "containers" || key == "initContainers") {
				for _, c := range list {
					if container, ok := c.(map[string]any); ok {
						f(container)
					}
				}
			}
			eachContainer(inner, f)
		}
	case []any:
		for _, inner := range v {
			eachContainer(inner, f)
		}
	}
}
