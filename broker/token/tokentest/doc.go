// Package tokentest makes tokens and keys' files as a Kubernetes cluster does,
// and wrong ones, with the standard library alone: what verifies them has no part
// in it.
package tokentest
