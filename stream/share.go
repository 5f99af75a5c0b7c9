package stream

import (
	"fmt"
	"strconv"
	"strings"
)

// ShareSize is how many broadcasters a process has at most whose fleet is spread over
// several. It is fixed: a process and the broker must agree on it, and a broadcaster
// keeps its process however many there are.
const ShareSize = 500

// A Share is the part of a fleet that one of its processes runs: the broadcasters
// Prefix-First, Prefix-(First+1) and so on. The process PREFIX-I has those from
// I·ShareSize on.
type Share struct {
	Prefix       string
	First, Count int
}

// ShareOf returns the share of the process with a name, such as that of the pod
// broadcast-3, in a fleet of total. Count is 0 where the fleet ends before it.
func ShareOf(name string, total int) (Share, error) {
	prefix, ordinal, ok := cutNumber(name)
	if !ok {
		return Share{}, fmt.Errorf("%q does not end in -NUMBER, the process's place in the fleet", name)
	}
	first := ordinal * ShareSize
	return Share{prefix, first, max(min(total-first, ShareSize), 0)}, nil
}

// ID returns the ID of one of its broadcasters, from 0 on.
func (s Share) ID(i int) string { return s.Prefix + "-" + strconv.Itoa(s.First+i) }

// InShare reports whether id is that of a broadcaster in the share of the process with a
// name, in a fleet of any size.
func InShare(name, id string) bool {
	prefix, ordinal, ok := cutNumber(name)
	of, n, isNumbered := cutNumber(id)
	return ok && isNumbered && of == prefix && n/ShareSize == ordinal
}

// ShareHolder returns the name of the process that has the broadcaster id in its share.
func ShareHolder(id string) (name string, ok bool) {
	prefix, n, ok := cutNumber(id)
	return prefix + "-" + strconv.Itoa(n/ShareSize), ok
}

// maxNumber bounds the numbers in names: a product with ShareSize is far from overflow.
const maxNumber = 1 << 24

// cutNumber cuts PREFIX-N at its last hyphen. N has the form in which it is written:
// no sign, no leading zero.
func cutNumber(name string) (prefix string, n int, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 1 {
		return "", 0, false
	}
	n, err := strconv.Atoi(name[i+1:])
	if err != nil || n < 0 || n > maxNumber || strconv.Itoa(n) != name[i+1:] {
		return "", 0, false
	}
	return name[:i], n, true
}
