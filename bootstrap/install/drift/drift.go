package drift

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// None reports whether a server-side apply of desired by manager would change nothing of
// live: each field of desired has its value there, and manager owns, by its last apply,
// these fields and no other. What other managers added stays in either case. It may be
// false though the apply changes nothing, as where a list has items of others.
func None(desired, live *unstructured.Unstructured, manager string) bool {
	owned := ownedBy(live, manager)
	return owned != nil && includes(live.Object, desired.Object) && sameFields(owned, identified(desired.Object))
}

// ownedBy returns the fields that the manager owns by applying, in the form of FieldsV1;
// nil if it never applied.
func ownedBy(live *unstructured.Unstructured, manager string) (owned map[string]any) {
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != manager || entry.Operation != "Apply" || entry.Subresource != "" || entry.FieldsV1 == nil {
			continue
		}
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &owned) != nil {
			return nil
		}
		return owned
	}
	return nil
}

// identified returns an object without what names it, which no manager owns.
func identified(object map[string]any) map[string]any {
	rest := without(object, "apiVersion", "kind")
	if metadata, ok := rest["metadata"].(map[string]any); ok {
		if rest["metadata"] = without(metadata, "name", "namespace"); len(rest["metadata"].(map[string]any)) == 0 {
			delete(rest, "metadata")
		}
	}
	return rest
}

func without(object map[string]any, keys ...string) map[string]any {
	rest := make(map[string]any, len(object))
	for k, v := range object {
		rest[k] = v
	}
	for _, k := range keys {
		delete(rest, k)
	}
	return rest
}

// includes reports whether live has all of desired. Lists must be as long, and in the
// same order.
func includes(live, desired any) bool {
	switch desired := desired.(type) {
	case map[string]any:
		live, ok := live.(map[string]any)
		for k, v := range desired {
			there, has := live[k]
			ok = ok && has && includes(there, v)
		}
		return ok
	case []any:
		live, ok := live.([]any)
		ok = ok && len(live) == len(desired)
		for i := 0; ok && i < len(desired); i++ {
			ok = includes(live[i], desired[i])
		}
		return ok
	case nil: // whether it is to be removed depends on its kind
		return false
	}
	return sameScalar(live, desired)
}

// sameScalar compares texts, booleans, and numbers, which are int64 or float64 by where
// they were read.
func sameScalar(a, b any) bool {
	x, aIsNumber := number(a)
	y, bIsNumber := number(b)
	if aIsNumber || bIsNumber {
		return aIsNumber && bIsNumber && x == y
	}
	return a == b
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// itself is the key by which FieldsV1 says that a map, or an item of a list, is owned
// besides what is in it.
const itself = "."

// sameFields reports whether owned names the fields of desired, and no other. What is
// owned as a whole names all that is in it.
func sameFields(owned map[string]any, desired any) bool {
	if len(owned) == 0 {
		return true
	}
	switch desired := desired.(type) {
	case map[string]any:
		named := 0
		for k, v := range desired {
			field, ok := owned["f:"+k].(map[string]any)
			if !ok || !sameFields(field, v) {
				return false
			}
			named++
		}
		return named == count(owned)
	case []any:
		return count(owned) == len(desired) && sameItems(owned, desired)
	}
	return false
}

// count returns how many fields or items are owned.
func count(owned map[string]any) int {
	if _, ok := owned[itself]; ok {
		return len(owned) - 1
	}
	return len(owned)
}

// sameItems reports whether each item of a list that is owned is in desired, with the
// same fields.
func sameItems(owned map[string]any, desired []any) bool {
	for name, fields := range owned {
		if name == itself {
			continue
		}
		kind, text, _ := strings.Cut(name, ":")
		var key any
		if json.Unmarshal([]byte(text), &key) != nil {
			return false
		}
		fields, _ := fields.(map[string]any)
		found := false
		for _, item := range desired {
			switch kind {
			case "k":
				found = found || hasKey(item, key) && sameFields(fields, item)
			case "v":
				found = found || sameScalar(item, key)
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// hasKey reports whether an item of a list has these values. One that it does not say,
// such as the protocol of a port, is the default.
func hasKey(item, key any) bool {
	fields, ok := item.(map[string]any)
	values, isMap := key.(map[string]any)
	if !ok || !isMap {
		return false
	}
	for k, v := range values {
		if has, given := fields[k]; given && !sameScalar(has, v) {
			return false
		}
	}
	return true
}
