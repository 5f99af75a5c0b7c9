// Package bgcolor finds out whether a terminal's background is dark. Known
// tells what can be told without a question; Ask asks the terminal, for at
// most 200 ms, and is for the full screen alone.
//
//	Ask ── OSC 11, DA 1 ──▶ terminal
//	 ◀──── typed ahead, the colour, DA 1
//	Input drops a colour that comes too late: it would be read as keys
package bgcolor
