// Package detail renders one message in full: its properties, then its payload
// as JSON, decoded, as text, in hex, or what has changed in it.
//
//	#18 204
//	topic     hello_world/broadcast/press-1
//	Δ         4.112 s
//	…                                     properties.go
//
//	payload   57 B  json
//	▾ {                                   tree.go, layers.go, hex.go
//	    "temp": 21.5,                     the chosen value: cursor.go
//	  ▸ "items": [ ⋯ 9 lines
//	  }
//	payload.temp: 12 numbers, …           graph.go
//	⡠⠔⠊⠑⢄                         24.5
//	payload.temp
//
// A Pane is one message and the reader's place in it; it lays a payload out as far
// as it is seen, whatever its size. Which message is shown and what keys do is
// package tui's, and package source reads what is asked about it.
package detail
