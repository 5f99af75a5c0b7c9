package install

import (
	"fmt"

	"hellox/bootstrap/kube"
)

// An Applied is what one apply did.
type Applied struct {
	objects int
	changed []kube.Ref // made or altered
	pruned  []kube.Ref
	kept    []kube.Ref // no longer in the manifests, but they hold data
	foreign bool       // the namespace is somebody else's, and left as it was
	// again: the manifests are those of the last apply, so whatever was
	// changed had been altered by hand.
	again bool
}

// Unchanged reports whether there was nothing to do.
func (a Applied) Unchanged() bool { return len(a.changed) == 0 && len(a.pruned) == 0 }

// String says what was done: `12 objects applied, 2 removed`.
func (a Applied) String() string {
	said := Count(a.objects, "object") + " applied"
	if n := len(a.changed); a.again && n > 0 {
		said = fmt.Sprintf("%d of %s put back as they were", n, Count(a.objects, "object"))
	}
	if n := len(a.pruned); n > 0 {
		said += fmt.Sprintf(", %d removed", n)
	}
	return said
}

// Notes say what somebody may not expect.
func (a Applied) Notes(namespace string) []string {
	var notes []string
	if a.foreign {
		notes = append(notes, "namespace "+namespace+" was there before hellox: it is used, and left as it is")
	}
	if len(a.kept) > 0 {
		notes = append(notes, "no longer in the manifests, kept for its data: "+kube.Names(a.kept))
	}
	return notes
}
