// Command page measures the page in a real Chromium: how long a message takes from
// its publisher to the screen, and how much memory the page's scripts hold.
//
//	go -C bench run ./page -hellox PATH [-rate 100] [-for 20s]
//
//	publisher ─ broker ─ receiver ─ event stream ─ page ─ frame
//
// It starts a broker and a receiver of the hellox binary that it is given. All run
// on this machine, so that one clock measures both ends.
package main
