package jsonview

import "strings"

// A Row is one line of JSON as Indent writes it.
type Row struct {
	Depth  int    // how many arrays and objects are around it
	Name   string // of a member, in its quotes, safe to show; "" elsewhere
	Index  int    // of a member or element among its siblings, from 0
	Value  string // safe to show: a value, or one bracket, or both of an empty value
	Comma  bool   // one follows
	Opens  bool   // Value is an opening bracket; the rows up to the closing one are inside
	Closes bool   // Value is a closing bracket
	Start  int    // of the value in the payload
	End    int    // after the value, or after the bracket
	Rest   int    // how many bytes of long texts are not in Name and Value

	NameStart, NameEnd int // of the name in the payload, in its quotes; equal: it has none
}

// Text returns the row without its indentation.
func (r *Row) Text() string {
	s := r.Value
	if r.Name != "" {
		s = r.Name + ": " + s
	}
	if r.Comma {
		s += ","
	}
	return s
}

// Rows reads JSON a row at a time, so that a large payload costs no more than
// what is read of it.
type Rows struct {
	// MaxText bounds the bytes of a text that Name and Value show; 0: no bound.
	MaxText int

	s       scanner
	indexes []int // of the next member or element, by depth
	ahead   token // read and not used
	isAhead bool
	problem *Problem
	ended   bool
}

// NewRows returns a reader of payload.
func NewRows(payload []byte) *Rows { return &Rows{s: scanner{src: string(payload)}, indexes: []int{0}} }

// Problem returns why the payload is not JSON, once Next has come to it.
func (r *Rows) Problem() *Problem { return r.problem }

// At returns how many bytes of the payload are read.
func (r *Rows) At() int { return r.s.at }

// Next returns the next row, and false at the end or at a problem.
func (r *Rows) Next() (row Row, ok bool) {
	t, ok := r.token()
	if !ok {
		return row, false
	}
	row.Depth = len(r.indexes) - 1
	if t == name {
		row.Name, row.Rest = r.shown()
		row.NameStart, row.NameEnd = r.s.start, r.s.at
		if _, ok = r.token(); !ok { // the colon
			return row, false
		}
		if t, ok = r.token(); !ok {
			return row, false
		}
	}
	row.Index, row.Start, row.End = r.indexes[row.Depth], r.s.start, r.s.at
	r.indexes[row.Depth]++
	switch t {
	case '{', '[':
		row.Value = string(rune(t))
		if next, ok := r.token(); ok && next == token(closing(byte(t))) {
			row.Value += string(rune(next))
			row.End = r.s.at
			break
		} else if ok {
			r.ahead, r.isAhead = next, true
		}
		row.Opens = true
		r.indexes = append(r.indexes, 0)
		return row, true
	case '}', ']':
		row.Closes, row.Value = true, string(rune(t))
		r.indexes = r.indexes[:len(r.indexes)-1]
		row.Depth--
		row.Index = r.indexes[row.Depth] - 1
	case text:
		rest := 0
		row.Value, rest = r.shown()
		row.Rest += rest
	default:
		row.Value = r.s.src[r.s.start:r.s.at]
	}
	if next, ok := r.token(); ok {
		if row.Comma = next == ','; !row.Comma {
			r.ahead, r.isAhead = next, true
		}
	}
	return row, true
}

// shown returns the text that was read, safe to show, and how many bytes of it
// are not in there.
func (r *Rows) shown() (s string, rest int) {
	source := r.s.src[r.s.start:r.s.at]
	if n := r.MaxText; n > 0 && len(source) > n {
		whole := len(source)
		source = cutText(source, n)
		rest = whole - len(source)
	}
	var b strings.Builder
	writeText(&b, source)
	return b.String(), rest
}

// cutText returns the beginning of a JSON string, of at most n bytes and a quote.
func cutText(source string, n int) string {
	at := 1
	for {
		_, size := decode(source[at:])
		if at+size > n {
			return source[:at] + `"`
		}
		at += size
	}
}

// token returns the next token, and false at the end or at a problem.
func (r *Rows) token() (token, bool) {
	if r.isAhead {
		r.isAhead = false
		return r.ahead, true
	}
	if r.ended {
		return end, false
	}
	t, problem := r.s.next()
	if problem != nil || t == end {
		r.problem, r.ended = problem, true
		return end, false
	}
	return t, true
}

// Skip passes over what is inside of the row that Next has returned, which opens:
// Next returns the closing bracket then, and false if there is none. It returns how
// many rows that are, the closing one included. What is skipped is not checked.
func (r *Rows) Skip() (rows int) {
	at := r.s.at
	if r.isAhead {
		at = r.s.start
	}
	r.isAhead = false
	r.s.open = r.s.open[:len(r.indexes)-1]
	r.s.want = wantMore
	r.s.at, rows = skip(r.s.src, at)
	return rows
}

// skip returns where the bracket is that closes the one before at, which is not
// empty, or the end of src, and how many rows are up to there.
func skip(src string, at int) (end, rows int) {
	rows = 2
	for depth := 1; at < len(src); at++ {
		switch src[at] {
		case '"':
			for at++; at < len(src) && src[at] != '"'; at++ {
				if src[at] == '\\' {
					at++
				}
			}
		case ',':
			rows++
		case '[', '{':
			next := at + 1
			for next < len(src) && isSpace(src[next]) {
				next++
			}
			if next < len(src) && src[next] == closing(src[at]) {
				at = next
				break
			}
			depth++
			rows += 2
		case ']', '}':
			if depth--; depth == 0 {
				return at, rows
			}
		}
	}
	return len(src), rows
}

// Return makes Next go on after a row that it has returned, which opens. around are
// the rows that were open then, the outermost first.
func (r *Rows) Return(to *Row, around []Row) {
	r.isAhead, r.ended, r.problem = false, false, nil
	r.s.open, r.indexes = r.s.open[:0], r.indexes[:0]
	for i := range around {
		r.open(&around[i])
	}
	r.open(to)
	r.indexes = append(r.indexes, 0)
	r.s.at, r.s.comma = to.End, to.Start
	r.s.want = wantMember
	if r.s.src[to.Start] == '[' {
		r.s.want = wantElement
	}
}

// open notes that a row is open.
func (r *Rows) open(row *Row) {
	r.s.open = append(r.s.open, r.s.src[row.Start])
	r.indexes = append(r.indexes, row.Index+1)
}

// Source returns what is between two places of the payload.
func (r *Rows) Source(start, end int) string { return r.s.src[start:end] }
