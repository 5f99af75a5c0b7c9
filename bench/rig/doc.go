// Package rig is what the benchmarks share: how they run, the program, a mosquitto with a
// publisher, and what a program has used.
//
//	Program ─► hellox, built from this tree
//	Start ───► mosquitto ◄─── Publish: a client of its own, at QoS 1 and 2 mosquitto_pub -l
//	Main ────► the benchmark, until it is interrupted
//	UsageOf ─► CPU and memory of a program that has ended
//
// What is measured, and which readers are beside it, each benchmark says. It needs
// mosquitto and mosquitto_pub, and to be run from the folder bench, as go -C bench run does.
package rig
