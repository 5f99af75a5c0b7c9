// Package detail renders one message in full: its properties, then its payload
// as JSON, as text or in hex.
//
//	#18 204
//	topic     hello_world/broadcast/press-1
//	Δ         4.112 s
//	…                                     properties.go
//
//	payload   57 B  json
//	{ "text": … }                         layers.go, hex.go
//
// Lines is a function of the message. Which message is shown, how far it is
// scrolled and what keys do is package tui's.
package detail
