package rights

import (
	"context"
	"slices"
	"sync"
)

// turns hands out the slots for hashes in fair turns: of the sources that wait, each
// has one after the other, and within a source each line. A source is where clients
// come from, a line the logins of one user from there. So neither a source nor a user
// makes others wait for all of its logins, however many these are.
type turns struct {
	mu      sync.Mutex
	free    int       // slots
	places  int       // the most that may wait
	waiting int       // all of sources
	sources []*source // in the order of their turns; each has a login that waits
}

type source struct {
	name    string
	waiting int     // all of lines
	lines   []*line // in the order of their turns; each has a login that waits
}

type line struct {
	name   string
	logins []*login // the oldest first
}

// A login waits for its turn.
type login struct {
	turn chan error // of capacity 1: gets nil, or ErrBusy if its place was given to another one
}

// take waits for a slot, which the caller gives back. It returns ErrBusy if too many
// wait and of these the caller is one of the longest line of the largest source.
func (t *turns) take(ctx context.Context, sourceName, lineName string) error {
	t.mu.Lock()
	if t.free > 0 { // no login waits
		t.free--
		t.mu.Unlock()
		return nil
	}
	l := &login{make(chan error, 1)}
	t.add(sourceName, lineName, l)
	if t.waiting > t.places {
		t.crowdOut()
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
	if t.waiting == 0 {
		t.free++
		return
	}
	s := t.sources[0]
	n := s.lines[0]
	l := n.logins[0]
	// Both are last now. If they are empty, remove removes them.
	t.sources = append(t.sources[1:], s)
	s.lines = append(s.lines[1:], n)
	t.remove(s, n, 0)
	l.turn <- nil
}

// add adds l to its line. The caller holds t.mu, as for the methods below.
func (t *turns) add(sourceName, lineName string, l *login) {
	i := slices.IndexFunc(t.sources, func(s *source) bool { return s.name == sourceName })
	if i < 0 {
		i = len(t.sources)
		t.sources = append(t.sources, &source{name: sourceName})
	}
	s := t.sources[i]
	if i = slices.IndexFunc(s.lines, func(n *line) bool { return n.name == lineName }); i < 0 {
		i = len(s.lines)
		s.lines = append(s.lines, &line{name: lineName})
	}
	s.lines[i].logins = append(s.lines[i].logins, l)
	s.waiting++
	t.waiting++
}

// crowdOut tells the newest login of the longest line of the largest source that the
// broker is busy.
func (t *turns) crowdOut() {
	s := slices.MaxFunc(t.sources, func(a, b *source) int { return a.waiting - b.waiting })
	n := slices.MaxFunc(s.lines, func(a, b *line) int { return len(a.logins) - len(b.logins) })
	last := len(n.logins) - 1
	l := n.logins[last]
	t.remove(s, n, last)
	l.turn <- ErrBusy
}

// remove removes a login, and its line and source if they are empty then.
func (t *turns) remove(s *source, n *line, i int) {
	n.logins = slices.Delete(n.logins, i, i+1)
	s.waiting--
	t.waiting--
	if len(n.logins) == 0 {
		s.lines = slices.DeleteFunc(s.lines, func(o *line) bool { return o == n })
	}
	if s.waiting == 0 {
		t.sources = slices.DeleteFunc(t.sources, func(o *source) bool { return o == s })
	}
}

// leave removes a login that does not wait any longer. It returns false if it has
// been told something meanwhile.
func (t *turns) leave(l *login) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sources {
		for _, n := range s.lines {
			if i := slices.Index(n.logins, l); i >= 0 {
				t.remove(s, n, i)
				return true
			}
		}
	}
	return false
}
