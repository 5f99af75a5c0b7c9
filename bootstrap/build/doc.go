// Package build makes images of folders with a Dockerfile, for up --build NAME=DIR.
// NAME is the image's name in the manifests, which then run what was built.
//
//	Folder ─► Dockerfile (what needs BuildKit, the line of a step)
//	   │
//	   ├─► Daemon: Docker's build API in the node, through minikube docker-env
//	   └─► Host:   docker, podman or nerdctl here; its archive goes to the nodes
//	                                │
//	                             Image ─► bootstrap/cluster loads it, manifests name it
//
// An image's tag is made of its ID: the same files give the same tag, and what is
// on a node is not loaded again. The image of hellox itself is in bootstrap/image.
package build
