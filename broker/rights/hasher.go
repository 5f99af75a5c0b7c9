package rights

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"runtime"
	"sync"
)

// A hasher verifies passwords within bounds: each takes tens of milliseconds and
// MiB, and any client that reaches the broker can ask for it.
type hasher struct {
	turns   turns
	compute func(h hash, password []byte) bool // hash.verify
	secret  []byte                             // of this process

	mu sync.Mutex
	// good has the passwords that were right, by their HMAC with secret: clients
	// that come back at once, all of them after a restart of the network, cost
	// next to nothing, also while others try passwords.
	good map[[sha256.Size]byte]struct{}
}

const (
	maxWaiting = 256 // for their turn
	maxGood    = 100_000
)

func newHasher() *hasher {
	return &hasher{
		// Half of the machine is left for everything else.
		turns:   turns{free: max(1, runtime.GOMAXPROCS(0)/2), places: maxWaiting},
		compute: hash.verify,
		secret:  random(sha256.Size),
		good:    map[[sha256.Size]byte]struct{}{},
	}
}

// verify reports whether h is the hash of password, when it is the turn of this path:
// see turns. It returns ErrBusy if too many wait already.
func (p *hasher) verify(ctx context.Context, h hash, password []byte, path ...string) (bool, error) {
	if len(password) > maxPassword {
		password = password[:maxPassword+1] // is none, at the same cost
	}
	tag := p.tag(h, password)
	if p.isGood(tag) {
		return true, nil
	}
	if err := p.turns.take(ctx, path...); err != nil {
		return false, err
	}
	defer p.turns.give()
	ok := p.compute(h, password)
	if ok {
		p.setGood(tag)
	}
	return ok, nil
}

func (p *hasher) tag(h hash, password []byte) (tag [sha256.Size]byte) {
	m := hmac.New(sha256.New, p.secret)
	m.Write([]byte(h.key)) // a changed password has another
	m.Write(password)
	m.Sum(tag[:0])
	return tag
}

func (p *hasher) isGood(tag [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.good[tag]
	return ok
}

func (p *hasher) setGood(tag [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.good) >= maxGood {
		clear(p.good)
	}
	p.good[tag] = struct{}{}
}
