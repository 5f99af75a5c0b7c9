// Package image makes the container image that the pods run: one executable on
// an empty base, without Dockerfile, base image or registry.
//
//	running executable ─┐ fits the nodes?
//	                    ├──► layer (one file, /hellox) ──► Image ──► archive
//	source ── go build ─┘                                  (docker save's form)
//
// The same executable always gives the same image, so its tag identifies it
// on a node. Loading an archive into nodes is not here.
package image
