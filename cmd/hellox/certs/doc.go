// Package certs makes the files of a small authority for brokers outside
// Kubernetes: `hellox certs` prints what it made.
//
//	ca.crt, ca.key ── sign ──► server.crt, server.key    for the broker
//	                      ├──► NAME.crt, NAME.key        for a client that shows one
//	                      └──► peer.crt, peer.key        for a node of several
//
// The certificates of an installation in a cluster are made by bootstrap/authority,
// which keeps no key of its authority.
package certs
