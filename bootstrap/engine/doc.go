// Package engine is what hellox must know of a container engine (docker, podman,
// nerdctl, finch) before it asks one for a cluster's nodes:
//
//	Local ────► its daemon is on this machine
//	Failure ──► why it cannot be used, as a sentence with the command that helps
//	Docker ───► the API of a Docker daemon
//
// Which engine kind uses, and what runs in its containers, is in packages kind and
// cluster.
package engine
