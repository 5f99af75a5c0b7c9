package senderlist

import (
	"cmp"
	"slices"
	"strings"

	"hellox/history"
	"hellox/stream"
)

// A Group is the senders whose names begin alike.
type Group struct {
	Prefix     string         `json:"prefix"` // "": those that share none with another
	Senders    int            `json:"senders"`
	States     history.States `json:"states"`
	Worst      stream.State   `json:"worst"`   // the state of the one to look at first
	Rate       float64        `json:"rate_1m"` // messages a second, of all together
	Missed     uint64         `json:"missed"`
	Duplicates uint64         `json:"duplicates"`

	trouble int // of that one
}

// Sum returns the groups of senders, those with the most trouble first. groupOf has the
// prefix of each, as Groups returns it.
func Sum(senders []stream.Sender, groupOf map[string]string) []*Group {
	byPrefix := map[string]*Group{}
	groups := []*Group{}
	for i := range senders {
		s := &senders[i]
		g := byPrefix[groupOf[s.Sender]]
		if g == nil {
			g = &Group{Prefix: groupOf[s.Sender], States: history.States{}, Worst: s.State, trouble: s.Trouble()}
			byPrefix[g.Prefix] = g
			groups = append(groups, g)
		}
		g.Senders++
		if trouble := s.Trouble(); trouble < g.trouble {
			g.Worst, g.trouble = s.State, trouble
		}
		g.States[s.State]++
		g.Rate += s.Rates.Minute
		g.Missed += s.Missed
		g.Duplicates += s.Duplicates
	}
	slices.SortFunc(groups, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(a.trouble, b.trouble), compareNatural(a.Prefix, b.Prefix))
	})
	return groups
}

// Groups returns the group of each sender: what its name shares with others up to
// its number or its last level; "" if no other has that.
func Groups(senders []stream.Sender) map[string]string {
	members := map[string]int{}
	prefixes := make(map[string]string, len(senders))
	for i := range senders {
		p := namePrefix(senders[i].Sender)
		prefixes[senders[i].Sender] = p
		members[p]++
	}
	for name, p := range prefixes {
		if members[p] < 2 {
			prefixes[name] = ""
		}
	}
	return prefixes
}

// namePrefix returns a name without its number, else without what follows its last
// separator: press- of press-12, oven/ of oven/left.
func namePrefix(name string) string {
	if short := strings.TrimRight(name, "0123456789"); short != name && short != "" {
		return short
	}
	return name[:strings.LastIndexAny(strings.TrimRight(name, "/-_."), "/-_.")+1]
}
