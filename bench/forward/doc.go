// Command forward measures how soon a new connection through the forwards of a hellox
// up works after the receiver's pod was deleted and its successor is ready:
//
//	kubectl delete pod ─► kubectl get pods --watch: ready ─► GET PAGE/api/stats ─► p50, p99, max
//
// or, with --fault pause or --fault network, after the kind node was paused, or reached
// by nothing, for 2 to 12 s. How soon its API server answers by itself is printed beside
// it: no forward can be faster than that.
//
// The installation is one that is up already; its history stays.
package main
