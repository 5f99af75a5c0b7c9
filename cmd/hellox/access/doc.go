// Package access holds what `hellox broker` asks of its clients beyond loopback:
// TLS, users, client certificates or pods and their rights, from files that are read anew when they change.
//
//	--users, --client-ca, --acl ► rights.Files ──► broker.Options.Authority
//	--client-ca ─────────────► rights.Files ──► broker.Listener.TLS
//	--pods, --acl ───────────► token.Pods ────► broker.Options.Authority
//	--tls-cert, --tls-key ───► certificate ───► broker.Listener.TLS
//	SIGHUP, a changed file ──► Watch ─────────► broker.Recheck
//
// What an address needs is decided by `cmd/hellox/broker.go`, who a pod is by
// broker/token, what a client may do by broker/rights.
package access
