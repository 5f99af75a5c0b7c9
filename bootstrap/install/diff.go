package install

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Diff returns the fields in which two states of an object differ, a line each:
// `spec.replicas: 1 → 2`. What the API server keeps for itself is left out: field
// ownership, versions, times and status. A list whose elements have names is compared
// by them. The values of a Secret are not shown.
func Diff(before, after *unstructured.Unstructured) []string {
	d := differ{hide: after.GetKind() == "Secret"}
	d.compare("", plainOf(before), plainOf(after))
	return d.lines
}

// plainOf returns an object without what the API server keeps for itself.
func plainOf(u *unstructured.Unstructured) map[string]any {
	u = u.DeepCopy()
	delete(u.Object, "status")
	if metadata, ok := u.Object["metadata"].(map[string]any); ok {
		for _, name := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
			delete(metadata, name)
		}
	}
	return u.Object
}

// A differ collects the lines of one Diff.
type differ struct {
	lines []string
	hide  bool
}

func (d *differ) compare(path string, before, after any) {
	switch was := before.(type) {
	case map[string]any:
		if is, ok := after.(map[string]any); ok {
			d.maps(path, was, is)
			return
		}
	case []any:
		if is, ok := after.([]any); ok && named(was) && named(is) {
			d.maps(path, byName(was), byName(is))
			return
		}
	}
	if !reflect.DeepEqual(before, after) {
		d.add(path, before, after)
	}
}

// maps compares two maps by key. The path of a list's element is `containers[broker]`.
func (d *differ) maps(path string, before, after map[string]any) {
	keys := slices.Collect(maps.Keys(before))
	for key := range after {
		if _, both := before[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		at := strings.TrimPrefix(path+"."+key, ".")
		if strings.HasPrefix(key, "[") {
			at = path + key
		}
		was, had := before[key]
		is, has := after[key]
		switch {
		case !had:
			d.add(at, nil, is)
		case !has:
			d.add(at, was, nil)
		default:
			d.compare(at, was, is)
		}
	}
}

// add adds a line: nil is a field that is not there.
func (d *differ) add(path string, before, after any) {
	switch {
	case d.hide && (strings.HasPrefix(path, "data") || strings.HasPrefix(path, "stringData")):
		d.lines = append(d.lines, path+": changed (not shown)")
	case before == nil:
		d.lines = append(d.lines, fmt.Sprintf("%s: added %s", path, valueText(after)))
	case after == nil:
		d.lines = append(d.lines, fmt.Sprintf("%s: removed %s", path, valueText(before)))
	default:
		d.lines = append(d.lines, fmt.Sprintf("%s: %s → %s", path, valueText(before), valueText(after)))
	}
}

// maxValue is how much of a value is shown, in characters.
const maxValue = 80

func valueText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if runes := []rune(string(text)); len(runes) > maxValue {
		return fmt.Sprintf("%s… (%d bytes)", string(runes[:maxValue]), len(text))
	}
	return string(text)
}

// named reports whether all elements of a list have a name, each another one.
func named(list []any) bool { return len(byName(list)) == len(list) }

// byName returns the elements of a list by their names, in brackets.
func byName(list []any) map[string]any {
	found := map[string]any{}
	for _, element := range list {
		m, _ := element.(map[string]any)
		if name, ok := m["name"].(string); ok {
			found["["+name+"]"] = element
		}
	}
	return found
}
