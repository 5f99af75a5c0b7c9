// Command forward measures how soon a new connection through the forwards of a hellox
// up works after the receiver's pod was deleted and its successor is ready:
//
//	kubectl delete pod ─► kubectl get pods --watch: ready ─► GET PAGE/api/stats ─► p50, p99, max
//
// The installation is one that is up already; its history stays.
package main
