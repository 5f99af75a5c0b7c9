package rights

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"hellox/stream"
	"hellox/stream/clienturi"
)

// An ACL is what an ACL file says. Each line is a rule:
//
//	deny  IDENTITY TOPIC-FILTER   neither published to nor read, whatever else is allowed
//	role  IDENTITY ROLE           receive, broadcast or client: its client IDs and topics
//	read  IDENTITY TOPIC-FILTER   may be subscribed to
//	write IDENTITY TOPIC-FILTER   may be published to
//
// The identity * is every one. The levels %i and %c of a topic filter stand for
// the client's identity and client ID. Empty lines and those that begin with #
// say nothing. Rules of deny stand before all others: a file that was cut short
// allows less than the whole one, never more.
type ACL struct {
	rules map[string][]rule // by identity
	roles map[string]Role
	names []string // identities that it names, in the order of the file
}

type rule struct {
	verb        string
	topicFilter string
	pattern     bool // it has %i or %c
}

const (
	verbDeny  = "deny"
	verbRead  = "read"
	verbWrite = "write"
	verbRole  = "role"
	everyone  = "*"
)

// maxRules is how many rules an ACL file may have: each delivery asks those of
// its reader.
const maxRules = 10_000

// A lineError says which line of a file is wrong.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// eachLine calls fn for each line of a file that says something. The file must
// say something, and end with the end of a line: else it was cut short.
func eachLine(text string, fn func(line string) error) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not text in UTF-8")
	}
	n, said := 0, false
	for line := range strings.Lines(text) {
		n++
		whole := strings.HasSuffix(line, "\n")
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			if !whole {
				return &lineError{n, errors.New("it does not end: the file is cut short")}
			}
			said = true
			if err := fn(line); err != nil {
				return &lineError{n, err}
			}
		}
	}
	if !said {
		return errors.New("it is empty")
	}
	return nil
}

// NoACL returns an ACL without rules.
func NoACL() *ACL { return &ACL{rules: map[string][]rule{}, roles: map[string]Role{}} }

// ParseACL reads the text of an ACL file.
func ParseACL(text string) (*ACL, error) {
	a := NoACL()
	allowing, count := false, 0
	err := eachLine(text, func(line string) error {
		verb, identity, rest := words(line)
		if count++; count > maxRules {
			return fmt.Errorf("more than %d rules", maxRules)
		}
		if identity == "" || rest == "" {
			return errors.New("a rule is: read, write or deny, an identity, a topic filter")
		}
		if identity != everyone {
			if err := checkIdentity(identity); err != nil {
				return err
			}
			if IsURI(identity) {
				identity = clienturi.Normalize(identity)
			}
			if !slices.Contains(a.names, identity) {
				a.names = append(a.names, identity)
			}
		}
		switch verb {
		case verbRole:
			allowing = true
			return a.addRole(identity, Role(rest))
		case verbDeny:
			if allowing {
				return errors.New("deny stands before role, read and write: a file cut short must not allow more")
			}
		case verbRead, verbWrite:
			allowing = true
		default:
			return fmt.Errorf("%q is none of read, write, deny, role", verb)
		}
		return a.addRule(identity, rule{verb: verb, topicFilter: rest})
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// words splits a line into its first two words and the rest: a topic filter may
// have spaces.
func words(line string) (verb, identity, rest string) {
	verb, rest = cutWord(line)
	identity, rest = cutWord(rest)
	return verb, identity, rest
}

func cutWord(s string) (word, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

func (a *ACL) addRole(identity string, role Role) error {
	switch {
	case role != RoleReceive && role != RoleBroadcast && role != RoleBroadcasters && role != RoleClient:
		return fmt.Errorf("%q is no role: receive, broadcast, broadcasters or client", role)
	case identity == everyone:
		return errors.New("a role is that of one identity, not of *")
	case nameOf(identity) == "":
		return fmt.Errorf("the URI %q does not end in a name, which a role needs", identity)
	case a.roles[identity] != "":
		return fmt.Errorf("%s has a role already", identity)
	}
	a.roles[identity] = role
	return nil
}

func (a *ACL) addRule(identity string, r rule) error {
	if err := stream.CheckTopicFilter(r.topicFilter); err != nil {
		return err
	}
	for level := range strings.SplitSeq(r.topicFilter, "/") {
		switch {
		case level == "%i" || level == "%c":
			r.pattern = true
		case strings.Contains(level, "%"):
			return fmt.Errorf("topic filter %q: %%i and %%c are whole levels, and there is no other %%", r.topicFilter)
		}
	}
	a.rules[identity] = append(a.rules[identity], r)
	return nil
}

// A Principal is an identity as the rules see it.
type Principal struct {
	Identity string // owns its sessions
	Rules    string // the identity whose rules apply to it
	Name     string // what %i stands for; its client IDs begin with it
}

// Role returns the role of an identity, or "".
func (a *ACL) Role(identity string) Role { return a.roles[identity] }

// AddRole gives an identity a role, unless the file gives it one.
func (a *ACL) AddRole(identity string, role Role) {
	if a.roles[identity] == "" {
		a.roles[identity] = role
	}
}

// OnlyDenied returns the identities that have rules of deny of their own and neither a
// role nor another rule, in the order of the file: LetsIn does not report them.
func (a *ACL) OnlyDenied() (names []string) {
	for _, name := range a.names {
		if !a.LetsIn(name) {
			names = append(names, name)
		}
	}
	return names
}

// URIs returns the identities of client certificates that the file names, in its order.
func (a *ACL) URIs() []string {
	return slices.DeleteFunc(slices.Clone(a.names), func(name string) bool { return !IsURI(name) })
}

// LetsIn reports whether an identity has a role or a rule of read or write of its own.
// One of deny is none: who only takes away something must not let in by it.
func (a *ACL) LetsIn(identity string) bool {
	return a.roles[identity] != "" || slices.ContainsFunc(a.rules[identity], allows)
}

func allows(r rule) bool { return r.verb != verbDeny }

// Rights returns what an identity may do under a client ID.
func (a *ACL) Rights(identity, clientID string) *Rights {
	return a.RightsOf(Principal{identity, identity, nameOf(identity)}, clientID)
}

// RightsOf returns what a principal may do under a client ID.
func (a *ACL) RightsOf(p Principal, clientID string) *Rights {
	var r *Rights
	switch a.roles[p.Rules] {
	case RoleReceive:
		r = Receiver(p.Identity, clientID)
	case RoleBroadcast:
		r = Broadcaster(p.Name, clientID)
	case RoleBroadcasters:
		r = BroadcasterOf(p.Name, clientID)
	case RoleClient:
		r = Client(p.Name, clientID)
	default:
		r = &Rights{Subscribe: ownTopics(clientID)}
	}
	r.Identity = p.Identity
	for _, rules := range [2][]rule{a.rules[everyone], a.rules[p.Rules]} {
		for _, rule := range rules {
			topicFilter, ok := rule.expand(p.Name, clientID)
			switch {
			case !ok:
				// Nothing is allowed by it. A deny that names the client is about
				// no topic then: the client cannot be a level of one.
			case rule.verb == verbRead:
				r.Subscribe = append(r.Subscribe, topicFilter)
			case rule.verb == verbWrite:
				r.Publish = append(r.Publish, topicFilter)
			case rule.verb == verbDeny:
				r.Deny = append(r.Deny, topicFilter)
			}
		}
	}
	return r
}

// expand returns the rule's topic filter for a client. ok is false if the client's
// name cannot be a level of a topic.
func (r *rule) expand(name, clientID string) (topicFilter string, ok bool) {
	if !r.pattern {
		return r.topicFilter, true
	}
	levels := strings.Split(r.topicFilter, "/")
	for i, level := range levels {
		switch level {
		case "%i":
			levels[i] = name
		case "%c":
			levels[i] = clientID
		default:
			continue
		}
		if levels[i] == "" || CheckClientID(levels[i]) != nil {
			return "", false
		}
	}
	return strings.Join(levels, "/"), true
}
