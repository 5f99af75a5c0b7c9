// Command fleet prints what an installation on one machine costs with 1 to 10,000
// broadcasters: the table of docs/scale.md.
//
//	go -C bench run ./fleet [-hellox PATH] [-sizes 1,10,100,1000,10000] [-for 20s] [-rounds 3]
//
//	hellox broadcast --count N ─► hellox broker ─► hellox receive --history sqlite:
//	   at the interval of up, 1 to 10 s: N/5.5 messages a second
//
// With -rest it prints instead what the most of them cost while they wait, beside as many
// clients of paho alone, without TLS and with it:
//
//	hellox broadcast --count N ─► hellox broker     at once, each pair for itself
//	paho.NewClient, N times ────► hellox broker
//
// Each is a process of its own. Of each size it takes the time until all are connected, and
// then the CPU, the memory and the disk of the three, of a machine or of a message. It
// needs an open file for each broadcaster in two of the processes.
package main
