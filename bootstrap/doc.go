// Package bootstrap brings an installation up in a local cluster, and takes it
// down again: the order of the steps, and nothing else.
//
//	Up    image ─► load ─► apply ─► roll-out            (StartCluster before it,
//	Down  remove ─► unload ─► namespace ─► cluster       forwards after it)
//	Move  drain ─► start ─► copy                        (to another cluster size,
//	                                                     between load and apply)
//	Plan  image ─► what load and apply would change
//	Scale apply ─► roll-out
//
// What the steps do is in the packages below: cluster (with kind and minikube)
// finds and starts clusters, image packs, install changes an installation,
// portforward forwards ports, step reports. What is applied is described by
// package manifests; nothing here knows MQTT.
package bootstrap
