package rights

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// turns hands out the slots for hashes in fair turns. Each login waits under a path of
// names: where it comes from, its user, and its client. Of the addresses that wait, each
// has one turn after the other, of an address each user, of a user each client. So none
// of them makes others wait for all of its logins, however many these are.
type turns struct {
	mu     sync.Mutex
	free   int // slots
	places int // the most that may wait
	all    queue
}

// A queue is the logins that wait under one name.
type queue struct {
	name    string
	waiting int      // all of parts, or logins
	parts   []*queue // under the next name of their paths, in the order of their turns; in each a login waits
	logins  []*login // at the end of the path: the oldest first
}

// A login waits for its turn.
type login struct {
	turn chan error // of capacity 1: gets nil, or ErrBusy if its place was given to another one
}

// take waits for a slot, which the caller gives back. It returns ErrBusy if too many
// wait and of these the caller is the newest where most wait. All paths have as many
// names.
func (t *turns) take(ctx context.Context, path ...string) error {
	t.mu.Lock()
	if t.free > 0 { // no login waits
		t.free--
		t.mu.Unlock()
		return nil
	}
	l := &login{make(chan error, 1)}
	t.all.add(l, path)
	if t.all.waiting > t.places {
		t.all.newest().turn <- ErrBusy
	}
	t.mu.Unlock()
	select {
	case err := <-l.turn:
		return err
	case <-ctx.Done():
	}
	if !t.leave(l) && <-l.turn == nil {
		t.give() // its turn came at the same time
	}
	return ctx.Err()
}

// give gives a slot back: the next login has it.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all.waiting == 0 {
		t.free++
		return
	}
	t.all.next().turn <- nil
}

// leave removes a login that does not wait any longer. It returns false if it has
// been told something meanwhile.
func (t *turns) leave(l *login) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.remove(l)
}

// add adds a login under the names of its path.
func (q *queue) add(l *login, path []string) {
	q.waiting++
	if len(path) == 0 {
		q.logins = append(q.logins, l)
		return
	}
	i := slices.IndexFunc(q.parts, func(p *queue) bool { return p.name == path[0] })
	if i < 0 {
		i = len(q.parts)
		q.parts = append(q.parts, &queue{name: path[0]})
	}
	q.parts[i].add(l, path[1:])
}

// next removes and returns the login whose turn it is.
func (q *queue) next() (l *login) {
	q.waiting--
	if len(q.parts) == 0 {
		l, q.logins = q.logins[0], q.logins[1:]
		return l
	}
	p := q.parts[0]
	q.parts = q.parts[1:]
	if l = p.next(); p.waiting > 0 {
		q.parts = append(q.parts, p)
	}
	return l
}

// newest removes and returns the newest login where most wait: of the largest part, and
// there of the largest again.
func (q *queue) newest() (l *login) {
	q.waiting--
	if last := len(q.logins) - 1; last >= 0 {
		l, q.logins = q.logins[last], q.logins[:last]
		return l
	}
	p := slices.MaxFunc(q.parts, func(a, b *queue) int { return cmp.Compare(a.waiting, b.waiting) })
	l = p.newest()
	q.trim()
	return l
}

// remove removes a login, and returns false if it is not there.
func (q *queue) remove(l *login) bool {
	if i := slices.Index(q.logins, l); i >= 0 {
		q.logins = slices.Delete(q.logins, i, i+1)
		q.waiting--
		return true
	}
	if !slices.ContainsFunc(q.parts, func(p *queue) bool { return p.remove(l) }) {
		return false
	}
	q.waiting--
	q.trim()
	return true
}

// trim removes the parts in which no login waits.
func (q *queue) trim() {
	q.parts = slices.DeleteFunc(q.parts, func(p *queue) bool { return p.waiting == 0 })
}
