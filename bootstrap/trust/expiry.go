package trust

import (
	"context"
	"time"

	"hellox/bootstrap/authority"
	"hellox/bootstrap/kube"
)

// Expiry returns when the first of the certificates of an installation ends, by what is
// stored in its cluster; the zero time if it has none.
func Expiry(ctx context.Context, client *kube.Client, namespace string) (time.Time, error) {
	s, err := readServing(ctx, client, namespace)
	if err != nil {
		return time.Time{}, err
	}
	peers, err := readPeers(ctx, client, namespace)
	if err != nil {
		return time.Time{}, err
	}
	return authority.Expiry(s.Certificate, s.Bundle, peers.Certificate), nil
}
