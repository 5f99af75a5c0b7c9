// Command broker measures the embedded broker beside Mosquitto (as Debian has
// it) and NATS's MQTT listener, in rounds that alternate between them, each a
// process of its own on loopback. It prints ratios, for on a shared machine
// nothing else means much.
//
//	go -C bench run ./broker
//	go -C bench run ./broker -only sessions
//	go -C bench run ./broker -rounds 5 -for 5s -only durable
//	go -C bench run ./broker -soak 10m
//	go -C bench run ./broker -only TLS
//
// It is a module of its own, so that NATS is no dependency of hellox.
package main
