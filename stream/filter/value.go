package filter

import (
	"slices"

	"hellox/stream/safetext"
)

// maxPathText bounds the characters of a path that is shown.
const maxPathText = 300

// maxTerm bounds the bytes of a term that is made of a value: others have to fit
// beside it into a parameter of the API.
const maxTerm = 2048

// Text returns p with the payload before it, safe and short enough to show: of a
// long one the middle is left out.
func (p Path) Text() string {
	if len(p) > 2*maxPathText {
		p = append(slices.Clone(p[:maxPathText]), p[len(p)-maxPathText:]...)
	}
	const long = 8 * maxPathText // bytes
	for i, s := range p {
		if len(s.Name) > 3*long {
			p = slices.Clone(p)
			p[i].Name = s.Name[:long] + s.Name[len(s.Name)-long:]
		}
	}
	return shortenMiddle(safetext.Clean(string(KeyPayload)+p.String()), maxPathText)
}

// shortenMiddle returns s without its middle, if it has more than n characters.
func shortenMiddle(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 1 + 2) / 3
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// ValueTerm returns the term that is true of payloads with this value at that path:
// a JSON text, given as what it says, or the source of a number, true, false or
// null. It returns "" if there is none: for an empty name, for a text that is the
// whole payload, and for what is too long.
func ValueTerm(p Path, value string, isText bool) string {
	long := func(s Step) bool { return len(s.Name) > maxTerm }
	if len(value) > 2*maxTerm || slices.ContainsFunc(p, long) || slices.Contains(p, Member("")) || len(p) == 0 && isText {
		return ""
	}
	if isText {
		value = quote(value)
	}
	term := string(KeyPayload) + p.String() + string(Equal) + value
	if len(term) > maxTerm {
		return ""
	}
	return term
}

// opNumber is the Op of a Term that is true of numbers, of which the reader keeps the
// source. It is not part of the language.
const opNumber Op = "number"

// NumberAt returns the source of the number at a path of a payload in JSON, and
// false if there is none. As for a term, of a name given twice the last one counts.
func NumberAt(payload []byte, p Path) (string, bool) {
	if len(payload) > maxJSON {
		return "", false
	}
	r := jsonReaders.Get().(*jsonReader)
	defer jsonReaders.Put(r)
	t := Term{Key: KeyPayload, Path: p, Op: opNumber}
	if !r.holds(&t, payload) {
		return "", false
	}
	return string(r.number), true
}
