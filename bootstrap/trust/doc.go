// Package trust brings what broker and clients of an installation trust each other
// by, and keeps it fresh:
//
//	Secret broker-tls       the broker's certificate and key       broker
//	ConfigMap broker-ca     the authorities that may have signed   broadcast, receive, clients
//	ConfigMap broker-keys   the keys that sign the pods' tokens    broker
//	Secret broker-peers     a certificate, key and authorities     broker of three nodes, receive
//
// Only what a pod mounts, and what the manifests do not bring themselves, is brought:
// with cert-manager the Secret is its business, without TLS there is none. A renewal
// has an order, so that at each moment every client trusts what the broker shows:
//
//	{old}, old ─▶ {old, new}, old ─▶ each role reports it ─▶ {old, new}, new ─▶ shown ─▶ {new}, new
//
// The nodes and receivers of broker-peers read its authorities once, so that {old, new} is
// a roll-out, and {new} is left out: the key of an old authority is gone.
//
// The new key is in memory between the second and the fourth: when that is cut off the
// next up begins anew. The certificates themselves are made in bootstrap/authority; the
// objects are applied by bootstrap/install.
package trust
