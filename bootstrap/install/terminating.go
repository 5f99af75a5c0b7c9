package install

import (
	"context"
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"hellox/bootstrap/kube"
)

// remaining finds, in what the namespace controller says of a namespace that is being
// deleted, a resource of which there are objects: `widgets.example.com has 1 resource
// instances`. The core group has no name.
var remaining = regexp.MustCompile(`([a-z0-9-]+)\.([a-z0-9.-]*) has \d+ resource instance`)

// terminating returns what holds a namespace that is being deleted: the objects with
// finalizers that are left in it, else what its conditions say.
func terminating(ctx context.Context, inst *Installation, namespace *unstructured.Unstructured) (h held) {
	says := contentOf(namespace)
	var parts []string
	for _, m := range remaining.FindAllStringSubmatch(says, -1) {
		for _, u := range objectsOf(ctx, inst, m[2], m[1]) {
			names := finalizersOf(&u)
			if len(names) == 0 {
				continue
			}
			r := kube.RefOf(&u)
			parts = append(parts, withFinalizers(r.String(), names)+" in it")
			if h.hint == "" {
				h.hint = releaseCommand(inst.client.Commands, r)
			}
		}
	}
	h.text = says
	if len(parts) > 0 {
		h.text = few(parts)
	}
	return h
}

// objectsOf returns the objects of a resource in the namespace of inst, by name. What
// cannot be asked has none: the controller's own words are shown then.
func objectsOf(ctx context.Context, inst *Installation, group, resource string) []unstructured.Unstructured {
	gv := schema.GroupVersion{Version: "v1"}
	if group != "" {
		var g metav1.APIGroup
		if err := inst.client.GetJSON(ctx, "/apis/"+group, &g); err != nil {
			return nil
		}
		gv = schema.GroupVersion{Group: group, Version: g.PreferredVersion.Version}
	}
	list, err := inst.in(gv.WithResource(resource)).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	slices.SortFunc(list.Items, kube.ByName)
	return list.Items
}
