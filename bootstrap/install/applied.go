package install

import (
	"fmt"

	"hellox/bootstrap/kube"
)

// An Applied is the result of one Apply.
type Applied struct {
	objects  int
	changed  []kube.Ref // created or changed
	pruned   []kube.Ref
	retained []kube.Ref // no longer in the manifests, but they hold data
	foreign  bool       // the namespace is not of hellox, and was left as it was
	// restored: the manifests are those of the last apply, so what was changed
	// now had been changed by hand.
	restored bool
}

// Unchanged reports whether there was nothing to do.
func (a Applied) Unchanged() bool { return len(a.changed) == 0 && len(a.pruned) == 0 }

// String describes what was done: `12 objects applied, 2 removed`.
func (a Applied) String() string {
	text := Count(a.objects, "object") + " applied"
	if n := len(a.changed); a.restored && n > 0 {
		text = fmt.Sprintf("%d of %s put back as they were", n, Count(a.objects, "object"))
	}
	if n := len(a.pruned); n > 0 {
		text += fmt.Sprintf(", %d removed", n)
	}
	return text
}

// Notes returns what a user may not expect.
func (a Applied) Notes(namespace string) []string {
	var notes []string
	if a.foreign {
		notes = append(notes, "namespace "+namespace+" was there before hellox: it is used, and left as it is")
	}
	if len(a.retained) > 0 {
		notes = append(notes, "no longer in the manifests, kept for its data: "+kube.Names(a.retained))
	}
	return notes
}

// Count returns a number with its noun: "1 object", "2 objects".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
