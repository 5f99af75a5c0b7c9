// Package complete completes the command line with what exists now.
//
//	hellox tell <TAB> ─ cobra ─► Add's functions ─┬─► installations: targets, profiles, namespaces
//	                                              ├─► the receiver: senders, topics
//	                                              └─► words of a flag's usage: `text|json`
//
// An answer takes a second at most: what is not known by then is not offered, and
// no failure is told, for a shell waits and has no place to print it. How an
// installation is found and reached is the caller's business (a Source).
package complete
