//go:build !unix

package broker

// maxConnections is fixed where the system has no limit on file descriptors.
func maxConnections() int { return 10_000 }
