package remote

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"hellox/history"
)

// Client is the client of a receiver's API. It is a Store, which is another
// process's: its followers resume by ID after a connection is lost. And it
// publishes and commands, so that what is sent takes the way that the page's
// takes.
type Client struct {
	base    *url.URL
	client  *http.Client
	silence time.Duration // how long events may be silent

	stop   context.Context // ends with Close, and ends all followers
	cancel context.CancelFunc
	group  sync.WaitGroup // followers' goroutines
}

var _ history.Store = (*Client)(nil)

// What is read of a receiver that does not behave.
const (
	maxProblem = 64 << 10
	maxAnswer  = 64 << 20  // senders, stats, intervals, one message
	maxPage    = 256 << 20 // of messages
	askTimeout = 30 * time.Second
)

// Open returns the Store behind a receiver's page, such as
// http://127.0.0.1:8420, once it has answered.
func Open(ctx context.Context, baseURL string) (*Client, error) {
	base, err := url.Parse(baseURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open receiver: %w", err)
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("open receiver %s: it is no http:// or https:// address", baseURL)
	}
	client := &http.Client{ // without a Timeout: events never end
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			ResponseHeaderTimeout: askTimeout,
			IdleConnTimeout:       time.Minute,
		},
		// A receiver answers itself; a redirect comes from another server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r := &Client{base: base, client: client, silence: silence}
	r.stop, r.cancel = context.WithCancel(context.Background())
	if _, err := r.Stats(ctx); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// Close ends all followers.
func (r *Client) Close() error {
	r.cancel()
	r.group.Wait()
	r.client.CloseIdleConnections()
	return nil
}
