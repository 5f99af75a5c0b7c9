// Package drift compares an object of the manifests with the one in the cluster, so that
// nothing is applied that would change nothing.
//
//	desired, from the manifests ──┐
//	live, from the API server ────┴─► None
//
// What is applied, and how, stays in install.
package drift
