// Package state holds what this machine records of each installation, and how
// the process that owns one is found, asked and stopped.
//
//	$XDG_STATE_HOME/hellox/
//	  kind.hellox.hellox/            Dir: one installation
//	    record.json   Instance       which installation, and its Owner
//	    lock          Lock           held by the owner as long as it lives
//	    lock.pid                     which process that is, and what for
//	    detached.*    SpawnDaemon    what a background process says until it is up
//	    history.db, broker/, hellox.log         of target local only
//
//	up ── Acquire ──► Lock ── Publish ──► record.json
//	                   ▲ 127.0.0.1, token         │
//	down, scale ───────┴──── Stop, Scale, Alive ──┘
//
// Whether a process runs an installation is told by the lock (Process), not by an
// answer; the folder is removed only with the lock held (Lock.Remove).
//
// What an installation in a cluster consists of is recorded in that cluster, by
// bootstrap. The messages themselves belong to history and broker.
package state
