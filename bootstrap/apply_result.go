package bootstrap

import "fmt"

// An applied is what one apply did.
type applied struct {
	objects int
	changed []ref // made or altered
	pruned  []ref
	kept    []ref // no longer in the manifests, but they hold data
	foreign bool  // the namespace is somebody else's, and left as it was
	// again: the manifests are those of the last apply, so whatever was
	// changed had been altered by hand.
	again bool
}

func (a applied) unchanged() bool { return len(a.changed) == 0 && len(a.pruned) == 0 }

// String says what was done: `12 objects applied, 2 removed`.
func (a applied) String() string {
	said := count(a.objects, "object") + " applied"
	if n := len(a.changed); a.again && n > 0 {
		said = fmt.Sprintf("%d of %s put back as they were", n, count(a.objects, "object"))
	}
	if n := len(a.pruned); n > 0 {
		said += fmt.Sprintf(", %d removed", n)
	}
	return said
}

// notes say what somebody may not expect.
func (a applied) notes(namespace string) []string {
	var notes []string
	if a.foreign {
		notes = append(notes, "namespace "+namespace+" was there before hellox: it is used, and left as it is")
	}
	if len(a.kept) > 0 {
		notes = append(notes, "no longer in the manifests, kept for its data: "+names(a.kept))
	}
	return notes
}

// count says how many: "1 object", "2 objects".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
