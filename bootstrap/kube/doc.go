// Package kube is a small client of one cluster's API server: objects by group,
// version and resource or by kind, an Informer that keeps a copy of them, and
// waits for a deletion.
//
//	Config ──► Client ── All ──► get, list, apply, watch, delete
//	             │       REST ──► logs, discovery, port-forwards
//	             └── Informer: a copy of what a selector selects
//
// What hellox keeps in a cluster is known to package install, not here.
package kube
