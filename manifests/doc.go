// Package manifests holds what hellox is in a cluster: a kustomize base, built
// into the binary, and Render, which turns it (or an overlay that a user made
// of it) into the objects of one installation. A user's own manifests are completed
// with the base's broker and receiver.
//
//	base/ ──────────────────┐ namespace, image, broadcasters
//	  │                     ├──► Render ──► objects ──► bootstrap/install, YAML
//	  └─ Eject ─► overlay ──┘
//
// It talks to no cluster: what is applied, and in which order, is decided in
// package bootstrap.
package manifests
