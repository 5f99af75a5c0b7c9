// Command terminal measures `hellox watch` on a terminal of 160x50 cells, of one
// mosquitto, and the same messages in other programs that are installed.
//
//	go -C bench run ./terminal [-hellox PATH] [-n 400000] [-rate 20000] [-for 2m]
//
//	a publisher ─► mosquitto ─┬─► hellox watch ─► pseudo-terminal, read and pressed keys at
//	                          ├─► hellox watch --output json
//	                          ├─► mosquitto_sub
//	                          └─► mqttui ─► pseudo-terminal, if it is on the PATH
//
// It prints the start to the first frame; messages a second without loss, CPU and
// memory of n messages as fast as they are published; and of -rate messages a second
// for -for: whether memory is flat, the time from a key to its frame, whether received
// is held + evicted, and how long q takes. It needs Linux, mosquitto and its clients.
package main
