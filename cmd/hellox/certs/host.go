package certs

import (
	"net"
	"strings"
)

// IsHost reports whether a certificate can be for host: an address, or a name of DNS
// (RFC 1123) in ASCII, of which the first label may be *.
func IsHost(host string) bool {
	if net.ParseIP(host) != nil {
		return true
	}
	if len(host) > 253 {
		return false
	}
	host, _ = strings.CutPrefix(host, "*.")
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
