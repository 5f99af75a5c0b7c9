// Package cause says in one line why a pod is not ready, and what helps.
//
//	pod, its events, nodes, claims ──► Of      ──► Cause: text, hint, how long to bear it
//	a FailedCreate event           ──► Create  ──►
//	an error of the API server     ──► Refusal ──► text, hint
//
// It reads objects and asks nothing: what a cause needs besides the pod it gets
// through a Lookup. Watching the objects, and fetching the last log lines, is left
// to package install. Every text is one line of few words, so that a sentence with
// a pod's name before it has two lines of a terminal at most; what it leaves out of
// a long message is evidence.
package cause
