// Package interrupt ends a command by signals, but for Ctrl-C while another program
// has the terminal, and for SIGHUP where it has files read anew.
//
//	Ctrl-C ─► SIGINT to all of the terminal ─┬─► an editor: its own matter
//	                                         └─► Signals: ends the context, unless held
//	SIGHUP, caught before main ─────────────────► Signals
//
// Not here: exit codes, and what ends with the context.
package interrupt
