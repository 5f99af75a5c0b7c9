// Package run runs other programs: minikube, a container engine, go. A Runner
// has an environment of its own, looks for programs in its own PATH
// only, and stops what it started when the context ends.
//
//	os.Environ ──► Runner ──► Command ──► Output
//	              (docker-env undone)     ExitError, or step.Error: not installed
//
// Pipe connects what writes an archive to what reads it. What is run, and what its
// output means, is known to the callers.
package run
