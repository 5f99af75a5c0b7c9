// Package sources watches the files that an installation is made of, for up --watch.
//
//	folders, a file ──► Watcher ──► Change: which of them, when it began
//
// It knows nothing of what is made of them; cmd/hellox/rounds does that again.
package sources
