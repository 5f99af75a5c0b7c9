// Package state holds what this machine records of each installation, and how
// the process that owns one is found, asked and stopped.
//
//	$XDG_STATE_HOME/hellox/
//	  kind.hellox.hellox/            Dir: one installation
//	    record.json   Instance       which installation, and its Owner
//	    lock          Lock           held by the owner as long as it lives
//	    detached.*    SpawnDaemon    what a background process says until it is up
//	    history.db, broker/, hellox.log         of target local only
//
//	up ── Acquire ──► Lock ── Publish ──► record.json
//	                   ▲ 127.0.0.1, token         │
//	down, scale ───────┴──── Stop, Scale, Alive ──┘
//
// What an installation in a cluster consists of is recorded in that cluster, by
// bootstrap. The messages themselves belong to history and broker.
package state
