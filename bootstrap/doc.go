// Package bootstrap brings a binary to running pods and back to nothing: it
// finds, starts or makes a local cluster, packs the image, delivers it to
// every node and proves that it is there, applies the manifests, waits for
// the roll-out, forwards the ports, and takes everything down again. What is
// applied is described by package manifests; nothing here knows MQTT.
package bootstrap
