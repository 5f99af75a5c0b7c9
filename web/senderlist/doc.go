// Package senderlist is how senders are listed: their orders, what a search finds, and
// the groups that their names make.
//
//	press-1, press-2, oven/left, oven/right, once
//	└──── press- ──┘  └─────── oven/ ─────┘  others
//
// What senders are and in which states is package stream's; GET /api/senders answers
// with what is found here.
package senderlist
