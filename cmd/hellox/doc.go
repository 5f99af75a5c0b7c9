// Command hellox runs an MQTT stream on a local Kubernetes cluster and shows it in
// the terminal and the browser.
//
// This folder holds one file a subcommand, and is the only place that imports
// every package. What a command needs comes in as parameters; exit codes and
// the globals of package os live in main. What several commands share and that
// stands alone is a package below: state (what this machine records of an
// installation), output (steps and numbers on a terminal), ops (health,
// metrics and log of a role).
//
//	up ──→ bootstrap.Up ──→ pods        ┐ in a cluster: broker, broadcast, receive
//	  └──→ the three roles, here        ┘ --target local: in this process
//	  └──→ state: instance, lock, socket ←── status, down, open, watch, publish, tell
//	watch ──→ tui or lines ──→ history/remote (an installation), stream/mqtt (a broker's URL)
//	receive ──→ stream/mqtt → history/sqlite → web
package main
