package broker

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"

	"hellox/broker/rights"
)

// Limits bounds what clients may have. A field that is 0 has its default. Where
// clients have identities, one identity has at most its share of what all have
// together: see shareOf.
type Limits struct {
	Connections   int           // open at once, from accept on; half of the file descriptors
	HalfOpen      int           // of them, those whose CONNECT has not come; half of Connections
	Connect       time.Duration // from accept to a whole CONNECT; 5 s
	Packet        time.Duration // for the rest of a packet of which some has come; 1 minute
	Write         time.Duration // that a client may take nothing of what waits for it; 30 s
	ClientBytes   int           // that wait for one client; 16 MiB
	WaitingBytes  int           // that wait for all clients; 64 MiB
	TopicLevels   int           // of a topic or topic filter; 16
	TopicBytes    int           // of a topic or topic filter; 512
	Sessions      int           // of clients that are connected or may come back; 20,000
	SessionExpiry time.Duration // how long a session waits for its client; 7 days
	KeepAlive     time.Duration // longest, and for clients that ask for none; 20 minutes
	TopicFilters  int           // of a session; 50
	Shared        int           // shared subscriptions: different names and topic filters; 1,000
	SharedMembers int           // sessions that share one; 1,000
	Inflight      int           // messages sent to a client and not acknowledged; 1,000
	Unreleased    int           // messages taken at QoS 2 and not released, of all clients; 1,000,000
	Retained      int           // retained messages; 10,000
	RetainedBytes int           // of them together; 32 MiB
}

// The defaults of Limits.
const (
	maxSessions       = 20_000
	maxSessionExpiry  = 7 * 24 * time.Hour // MQTT 3.1.1 has no limit, but a store has
	maxKeepAlive      = 20 * time.Minute
	maxTopicFilters   = 50
	maxShared         = 1000
	maxSharedMembers  = 1000
	maxInflight       = 1000
	maxUnreleased     = 1_000_000
	maxRetained       = 10_000
	maxRetainedBytes  = 32 << 20
	connectTimeout    = 5 * time.Second
	packetTimeout     = time.Minute
	writeTimeout      = 30 * time.Second
	clientBudget      = 16 << 20
	totalBudget       = 64 << 20
	maxLevels         = 16
	maxTopicBytes     = 512
	maxKeepAliveField = 65535 * time.Second // that MQTT can say
)

// shareOf returns how much of a limit for all clients together one identity may have: a
// quarter, and at least 1. So no identity uses a limit up for the others. Clients that
// need no login have no share: the limit itself is theirs.
func shareOf(limit int) int { return max(1, limit/4) }

// beyondShare is the reason of a refusal to an identity that has its share of
// something.
func beyondShare(identity, what string, limit int) string {
	return fmt.Sprintf("the %s has its share of the broker's %s (%d: a quarter of %d)", named(identity), what, shareOf(limit), limit)
}

// named returns an identity with the word for what has it.
func named(identity string) string {
	what := "user"
	switch {
	case rights.IsURI(identity):
		what = "client certificate"
	case strings.HasPrefix(identity, "pod:"):
		what = "pod or ServiceAccount"
	}
	return fmt.Sprintf("%s %q", what, identity)
}

// A tally counts how many of something each identity has. Its zero value is empty.
// It does not count for the identity "", which has no share.
type tally struct {
	mu sync.Mutex
	of map[string]int
}

// take counts one more, unless the identity has its share of limit.
func (t *tally) take(identity string, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if identity != "" && t.of[identity] >= shareOf(limit) {
		return false
	}
	t.change(identity, 1)
	return true
}

// full reports whether the identity has its share of limit.
func (t *tally) full(identity string, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return identity != "" && t.of[identity] >= shareOf(limit)
}

// add counts n more, whatever the share: what is there already, or less.
func (t *tally) add(identity string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.change(identity, n)
}

// change is add for a caller that holds t.mu.
func (t *tally) change(identity string, n int) {
	if identity == "" || n == 0 {
		return
	}
	if t.of == nil {
		t.of = map[string]int{}
	}
	if t.of[identity] += n; t.of[identity] <= 0 {
		delete(t.of, identity)
	}
}

// sharer returns the identity that shares the limits with others, or "" for clients
// that need no login: each of their sessions stands for itself.
func sharer(identity string) string {
	if identity == rights.Local || identity == rights.Anyone {
		return ""
	}
	return identity
}

// DefaultLimits returns the defaults. Connections depends on the process.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

func (l Limits) withDefaults() Limits {
	l.Connections = cmp.Or(l.Connections, maxConnections())
	l.HalfOpen = cmp.Or(l.HalfOpen, max(1, l.Connections/2))
	l.Connect = cmp.Or(l.Connect, connectTimeout)
	l.Packet = cmp.Or(l.Packet, packetTimeout)
	l.Write = cmp.Or(l.Write, writeTimeout)
	l.ClientBytes = cmp.Or(l.ClientBytes, clientBudget)
	l.WaitingBytes = cmp.Or(l.WaitingBytes, totalBudget)
	l.TopicLevels = cmp.Or(l.TopicLevels, maxLevels)
	l.TopicBytes = cmp.Or(l.TopicBytes, maxTopicBytes)
	l.Sessions = cmp.Or(l.Sessions, maxSessions)
	l.SessionExpiry = cmp.Or(l.SessionExpiry, maxSessionExpiry)
	l.KeepAlive = min(cmp.Or(l.KeepAlive, maxKeepAlive), maxKeepAliveField)
	l.TopicFilters = cmp.Or(l.TopicFilters, maxTopicFilters)
	l.Shared = cmp.Or(l.Shared, maxShared)
	l.SharedMembers = cmp.Or(l.SharedMembers, maxSharedMembers)
	l.Inflight = min(cmp.Or(l.Inflight, maxInflight), maxOutOfOrder)
	l.Unreleased = cmp.Or(l.Unreleased, maxUnreleased)
	l.Retained = cmp.Or(l.Retained, maxRetained)
	l.RetainedBytes = cmp.Or(l.RetainedBytes, maxRetainedBytes)
	return l
}
