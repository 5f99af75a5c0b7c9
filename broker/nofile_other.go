//go:build !unix

package broker

// maxConnections is a number where the system has no such limit.
func maxConnections() int { return 10_000 }
