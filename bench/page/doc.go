// Command page measures the page in a real Chromium: how long a message takes from
// its publisher to the screen, the first paint, how fast 256 KiB open, and how much memory
// the page's scripts hold. What the machine allows is measured before, by a page that only
// prints the events of a stream (the floor).
//
//	go -C bench run ./page -hellox PATH [-rate 100] [-for 20s] [-windows 10] [-tabs 30]
//	go -C bench run ./page -hellox PATH -rows 10000000 [-history FILE]
//	go -C bench run ./page -hellox PATH -kills 3
//	go -C bench run ./page -hellox PATH -rate 2000 -soak 15m
//
//	publisher ─ broker ─ receiver ─ event stream ─ page ─ frame
//
// How long they took to the event stream is told as well, by a client without a screen.
//
// In the first half of the time no key is pressed, and delays are measured; in the
// second half a key is pressed every second, and timed.
//
// With windows and tabs it also tells how many of them are live and hold the newest
// message. With -rows it prepares a history of so many messages and times jumps to places
// of it, from the press on the scrollbar to the frame with the rows.
//
// With -kills receiver and broker are killed by turns while three broadcasters publish:
// it holds that the page says so, knows no state meanwhile, and shows each message once.
//
// With -trace it writes what the browser does while delays are measured, for the
// performance view of its developer tools.
//
// With -soak it publishes for so long and prints each minute how much the scripts hold.
//
// It starts a broker and a receiver of the hellox binary that it is given. All run
// on this machine, so that one clock measures both ends.
package main
