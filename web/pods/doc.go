// Package pods remembers what the holder of the forwards told of the pods behind
// the senders:
//
//	hellox up ─ POST /api/pods ─► Known.Set
//	GET /api/senders ◄─ Known.Of(sender): name, phase, reason
//
// It is kept in memory and expires: without a holder nothing is known. Which pods
// there are is read from the cluster by bootstrap/install.
package pods
