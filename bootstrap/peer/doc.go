// Package peer keeps a listener on this machine's loopback to its user: any user can
// connect to a port of the loopback, and a port has no permissions.
//
// Linux says whose socket is at the other end. Where a system cannot tell (macOS,
// Windows, a Linux whose kernel or sandbox does not answer), every connection passes.
package peer
