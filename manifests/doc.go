// Package manifests holds what hellox is in a cluster: a kustomize base, built
// into the binary, and Render, which turns it (or an overlay that a user made
// of it) into the objects of one installation. It talks to no cluster.
package manifests
