// Package authority makes the certificates of an installation: an authority in
// memory, and the broker's certificate, which it signs.
//
//	Issue ─▶ authority's key ── signs ──▶ the broker's certificate and its key   (a Secret)
//	              │
//	              └─ thrown away; its certificate stays                          (a ConfigMap)
//
// The key of an authority never leaves Issue, so that nothing in the cluster can sign
// as it; the price is that a renewal is a new authority. What is stored where, and the
// order of a renewal, is not here: that is bootstrap's.
package authority
