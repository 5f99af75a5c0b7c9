package journal

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"
)

// Sessions that were away at the same time have their rows between each other's, a
// message in each. When all of them come back at once, each would walk through the
// whole file: a seek for every message, and most pages read once for each session. So the
// reads that wait for the file are done together, in one sweep in the order of the rows.

// A read is what one session reads from the file.
type read struct {
	spans []span // ascending
	seq   uint64 // messages up to it are not wanted
	size  int64  // of the rows, in bytes

	// Set by file.read:
	messages []*Message
	err      error
	done     bool // guarded by file.mu
}

// reads are those that wait for the file.
type reads struct {
	mu      sync.Mutex
	waiting []*read
}

// sweepBytes is how much one sweep reads: it is in memory, and commits wait meanwhile.
const sweepBytes = 8 << 20

func (w *reads) add(r *read) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, r)
}

// take returns the reads that come next.
func (w *reads) take() (next []*read) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, size := 0, int64(0)
	for ; n < len(w.waiting) && size < sweepBytes; n++ {
		size += w.waiting[n].size
	}
	next, w.waiting = w.waiting[:n:n], w.waiting[n:]
	return next
}

// read does r, and what waits before it and after it.
func (f *file) read(r *read) {
	f.reads.add(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	for !r.done {
		f.sweep(f.reads.take())
	}
}

// A part is one span of a read.
type part struct {
	span
	read     *read
	messages []*Message
	found    bool // its last row
}

// sweep does reads. The caller holds f.mu.
func (f *file) sweep(all []*read) {
	n := 0
	for _, r := range all {
		n += len(r.spans)
	}
	parts := make([]part, 0, n)
	defer func() {
		for i := range parts {
			p := &parts[i]
			p.read.messages = append(p.read.messages, after(p.messages, p.read.seq)...)
			if !p.found && p.read.err == nil {
				p.read.err = fmt.Errorf("messages %d to %d: it is not there", p.first, p.last)
			}
		}
		for _, r := range all {
			r.done = true // whatever has come of it: others wait
		}
	}()
	for _, r := range all {
		for _, s := range r.spans {
			parts = append(parts, part{span: span{max(s.first, r.seq+1), s.last}, read: r})
		}
	}
	sorted := make([]*part, len(parts)) // they are large
	for i := range parts {
		sorted[i] = &parts[i]
	}
	slices.SortFunc(sorted, func(a, b *part) int { return cmp.Compare(a.first, b.first) })
	var single [][]*part // of one row each
	for rest := sorted; len(rest) > 0; {
		n, last := 1, rest[0].last
		for ; n < len(rest) && rest[n].first <= last+1; n++ {
			last = max(last, rest[n].last)
		}
		if last > rest[0].first {
			f.readRows(rest[:n], last)
		} else if single = append(single, rest[:n]); len(single) == together {
			f.readSingle(single)
			single = single[:0]
		}
		rest = rest[n:]
	}
	f.readSingle(single)
}

const (
	selectRange = "SELECT last, records FROM batch WHERE last BETWEEN ? AND ? ORDER BY last"
	selectRows  = "SELECT last, records FROM batch WHERE last IN (" + eightKeys + "," + eightKeys + "," + eightKeys + "," + eightKeys + ") ORDER BY last"
	eightKeys   = "?,?,?,?,?,?,?,?"
	together    = 32 // keys of selectRows
)

// readRows reads the rows of parts, which are all adjacent, up to last.
func (f *file) readRows(parts []*part, last uint64) {
	next, open := 0, []*part(nil)
	err := f.eachRow(func(key uint64, messages []*Message) {
		for ; next < len(parts) && parts[next].first <= key; next++ {
			open = append(open, parts[next])
		}
		open = slices.DeleteFunc(open, func(p *part) bool { return p.last < key })
		for _, p := range open {
			p.take(key, messages)
		}
	}, selectRange, int64(parts[0].first), int64(last))
	if err != nil {
		f.readEach(parts)
	}
}

// readSingle reads rows, each of which is wanted by parts.
func (f *file) readSingle(rows [][]*part) {
	if len(rows) == 0 {
		return
	}
	args := make([]any, together)
	for i := range args {
		args[i] = int64(rows[min(i, len(rows)-1)][0].last)
	}
	next := 0
	err := f.eachRow(func(key uint64, messages []*Message) {
		for rows[next][0].last < key {
			next++
		}
		for _, p := range rows[next] {
			p.take(key, messages)
		}
	}, selectRows, args...)
	if err != nil {
		for _, parts := range rows {
			f.readEach(parts)
		}
	}
}

// readEach reads parts one by one: the rows of one of them are damaged, or it was not
// possible to read them.
func (f *file) readEach(parts []*part) {
	for _, p := range parts {
		p.messages, p.found = nil, false
		err := f.eachRow(p.take, selectRange, int64(p.first), int64(p.last))
		switch {
		case isDamaged(err):
			f.damage.unreadable(p.span, err)
			p.found = true // as far as it can be
		case err != nil && p.read.err == nil:
			p.read.err = fmt.Errorf("messages %d to %d: %w", p.first, p.last, err)
		}
	}
}

// take notes the messages of a row.
func (p *part) take(key uint64, messages []*Message) {
	if p.messages == nil {
		p.messages = slices.Clip(messages) // the parts of other reads may have it, too
	} else {
		p.messages = append(p.messages, messages...)
	}
	p.found = p.found || key == p.last
}

// eachRow calls fn for the rows of a query: its key, and its messages, of which there are
// none if they are damaged.
func (f *file) eachRow(fn func(key uint64, messages []*Message), query string, args ...any) error {
	return f.conn.Query(context.Background(), query, func(v []driver.Value) error {
		var key int64
		var records []byte
		if err := scan(v, &key, &records); err != nil {
			return err
		}
		messages, err := decodeBatch(records)
		if err != nil {
			f.damage.unreadable(span{uint64(key), uint64(key)}, err)
		}
		fn(uint64(key), messages)
		return nil
	}, args...)
}
