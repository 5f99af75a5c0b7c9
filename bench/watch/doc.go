// Command watch puts `hellox watch --output json` beside `mosquitto_sub -F %j`:
// CPU a message and the peak of memory, of the same messages from a mosquitto.
//
//	go -C bench run ./watch [-hellox PATH] [-n 400000] [-rounds 3]
//
//	mosquitto_pub -l ─► mosquitto ─┬─► hellox watch ─► pipe, counted
//	                               └─► mosquitto_sub ─► pipe, counted   (one after the other)
//
// It needs mosquitto, mosquitto_pub and mosquitto_sub.
package main
