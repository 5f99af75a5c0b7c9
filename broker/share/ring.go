package share

import "slices"

// A Ring is members of a shared subscription, who take turns.
type Ring[M comparable] struct {
	members []M // replaced, not changed: Turn hands it out
	next    int // whose turn it is
}

// Add adds a member, and returns false if it is there.
func (r *Ring[M]) Add(m M) bool {
	if slices.Contains(r.members, m) {
		return false
	}
	r.members = append(slices.Clip(r.members), m)
	return true
}

// Remove removes a member, and returns false if it was not there.
func (r *Ring[M]) Remove(m M) bool {
	i := slices.Index(r.members, m)
	if i < 0 {
		return false
	}
	r.members = slices.Concat(r.members[:i], r.members[i+1:])
	if r.next > i {
		r.next--
	}
	return true
}

// Turn returns the members, and the index of the one whose turn it is; the others
// follow it, around the end. The caller does not change them.
func (r *Ring[M]) Turn() (members []M, first int) {
	if r.next >= len(r.members) {
		r.next = 0
	}
	return r.members, r.next
}

// Took notes that m had its turn: it is that of the one after it.
func (r *Ring[M]) Took(m M) {
	if i := slices.Index(r.members, m); i >= 0 {
		r.next = i + 1
	}
}
