// Package access holds what `hellox broker` asks of its clients beyond loopback:
// TLS, users and their rights, from files that are read anew when they change.
//
//	--users, --acl ──────────► rights.Files ──► broker.Options.Authority
//	--tls-cert, --tls-key ───► certificate ───► broker.Listener.TLS
//	SIGHUP, a changed file ──► Watch ─────────► broker.Recheck
//
// What an address needs is decided by `cmd/hellox/broker.go`, what a client may
// do by broker/rights.
package access
