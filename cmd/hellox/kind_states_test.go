package main

import (
	"slices"
	"testing"
)

// testKindStates runs up in a shell that is set for another Docker.
func testKindStates(t *testing.T, r *kindRig) {
	// A shell that has evaluated minikube docker-env, whose Docker is not there.
	up := r.program(r.hellox, r.up()...)
	up.Env = append(slices.Clone(r.env), "DOCKER_HOST=tcp://192.168.49.2:2376", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/nowhere", "MINIKUBE_ACTIVE_DOCKERD=minikube")
	_, said := r.do(t, up)
	contains(t, "up after docker-env", said, "unchanged")
}
