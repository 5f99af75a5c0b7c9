package login

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// The rate of attempts from one address, or one network of IPv6: a person types, a
// program guesses.
const (
	attemptEvery  = 2 * time.Second
	attemptBurst  = 5
	maxAddresses  = 1024        // that are told apart; the others share one rate
	addressesKept = time.Minute // after the last attempt: all of them are allowed again
)

// attempts limits how often an address may try a code. Its methods are called
// with the Guard's lock held.
type attempts struct {
	now    func() time.Time
	by     map[string]*attempt
	others *rate.Limiter
	swept  time.Time // when by was last looked through
}

type attempt struct {
	limit *rate.Limiter
	last  time.Time
}

func newAttempts(now func() time.Time) attempts {
	return attempts{now: now, by: map[string]*attempt{}, others: rate.NewLimiter(rate.Every(attemptEvery), attemptBurst)}
}

// allow reports whether an attempt from remote, a HOST:PORT, may be made now.
func (a *attempts) allow(remote string) bool {
	host := network(remote)
	now := a.now()
	known := a.by[host]
	if known == nil && len(a.by) >= maxAddresses && now.Sub(a.swept) > addressesKept {
		a.swept = now
		for host, old := range a.by {
			if now.Sub(old.last) > addressesKept {
				delete(a.by, host)
			}
		}
	}
	if known == nil && len(a.by) >= maxAddresses {
		return a.others.AllowN(now, 1)
	}
	if known == nil {
		known = &attempt{limit: rate.NewLimiter(rate.Every(attemptEvery), attemptBurst)}
		a.by[host] = known
	}
	known.last = now
	return known.limit.AllowN(now, 1)
}

// network returns what attempts are counted of: an IPv4 address, or the /64 of an IPv6
// address, in which a machine takes as many addresses as it likes.
func network(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	address := at.Addr().Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	return netip.PrefixFrom(address, 64).Masked().String()
}

// Allow reports whether the address remote may try a code now.
func (g *Guard) Allow(remote string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.attempts.allow(remote)
}
