package access

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"hellox/broker/rights"
	"hellox/smallfile"
)

// A certificate is a server's, from two files.
type certificate struct {
	flag      string // of cert
	cert, key string // paths
	log       *slog.Logger
	clock     func() time.Time
	now       atomic.Pointer[tls.Certificate]
	stale     atomic.Pointer[rights.Stale]

	// Of one goroutine.
	read    rights.Stat      // of the files when they were read
	waiting *tls.Certificate // what they say, if it is not valid and the one in use is
}

func openCertificate(flag, cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{flag: flag, cert: cert, key: key, log: log, clock: time.Now}
	if _, err := c.reload(true); err != nil {
		return nil, err
	}
	return c, nil
}

// reload reads the files, if they have changed or always is set, and reports whether
// what they say has come into use. One that no client accepts is an error, as one that
// cannot be read is, and so is one that is over or not valid yet in the place of one that
// is valid: that stays in use, as long as it is, or until the new one is valid. At the
// start the log warns of such a one.
func (c *certificate) reload(always bool) (bool, error) {
	now := c.clock()
	stat := rights.StatFiles(c.cert, c.key)
	if !always && stat.Same(c.read) {
		if c.waiting == nil || c.staysBefore(c.waiting, now) {
			return false, nil
		}
		c.use(c.waiting, now)
		return true, nil
	}
	c.read, c.waiting = stat, nil
	pair, err := smallfile.KeyPair(c.cert, c.key)
	if err == nil {
		check := checkServer
		if c.flag == peerFlag {
			check = checkPeer
		}
		err = check(pair.Leaf, c.cert)
	}
	if err == nil && c.staysBefore(&pair, now) {
		c.waiting = &pair
		err = untimely(pair.Leaf, c.cert, now)
	}
	if err != nil {
		err = fmt.Errorf("read the certificate: %w", err)
		c.stale.Store(&rights.Stale{Flag: c.flag, Path: c.cert, Err: err})
		return false, err
	}
	c.use(&pair, now)
	return true, nil
}

// staysBefore reports whether the certificate in use is valid and pair is not.
func (c *certificate) staysBefore(pair *tls.Certificate, now time.Time) bool {
	inUse := c.now.Load()
	return inUse != nil && untimely(inUse.Leaf, c.cert, now) == nil && untimely(pair.Leaf, c.cert, now) != nil
}

// use has connections from now on get pair, and warns of what clients may refuse.
func (c *certificate) use(pair *tls.Certificate, now time.Time) {
	c.stale.Store(nil)
	c.waiting = nil
	for _, why := range []string{doubt(pair.Leaf, c.cert, now), brokenChain(pair, c.cert)} {
		if why != "" {
			c.log.Warn("certificate that clients refuse", "cause", why)
		}
	}
	c.now.Store(pair)
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil }
