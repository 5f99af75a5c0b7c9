// Package broadcast runs broadcasters: clients that publish a text at random
// intervals and execute commands.
//
//	Run ──► fleet: options, metrics, pace of connecting, who is without a connection
//	          └► broadcaster (one goroutine each)
//	               timer ──► pending messages ──► mqtt.Client ──► broker
//	                               ▲                  │
//	                               └── acknowledged ◄─┘
//	               commands, its own presence ──► answers, presence
//
// A message is pending until the broker has acknowledged it, and is sent again
// in order. How a connection is made, and made again, is package mqtt's.
package broadcast
