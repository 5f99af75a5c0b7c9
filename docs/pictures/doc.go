//go:build ignore

// Command make makes hellox.png, the picture in the README, from a real run: the
// terminal and the page show one local installation.
//
//	go run docs/pictures/make.go
//
//	hellox up ─┬─► hellox watch in a terminal of its own ─► draw ──┐
//	           └─► the page in chromium ─► screenshot ─────────────┴─► paint ─► hellox.png
//
// It needs Linux and chromium.
package main
