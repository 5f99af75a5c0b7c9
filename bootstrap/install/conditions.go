package install

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// A condition is one of the conditions of an object that are true.
type condition struct{ kind, message string }

// conditionsOf returns the conditions of u that are true.
func conditionsOf(u *unstructured.Unstructured) (are []condition) {
	all, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range all {
		fields, ok := c.(map[string]any)
		if !ok || fields["status"] != "True" {
			continue
		}
		kind, _ := fields["type"].(string)
		message, _ := fields["message"].(string)
		are = append(are, condition{kind, message})
	}
	return are
}
