package cluster

import "time"

// WithNodesTimeout returns f with another time for its nodes to become ready.
func (f Found) WithNodesTimeout(d time.Duration) Found {
	f.nodesTimeout = d
	return f
}
