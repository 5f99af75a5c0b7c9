// Package wholeframe keeps the frame of a full screen whole, also where a terminal
// and we disagree about the width of a text.
//
//	"👋🏽"   two cells by grapheme, as it is laid out here
//	       four by character, as tmux and many terminals count
//
// A line that turns out longer than the screen is wide would wrap: all below it
// would move, and the frame scroll. Output turns the terminal's automatic wrapping
// off while the alternate screen is shown, so that such a line loses its last
// cells instead. Line makes sure that a line that turns out shorter leaves nothing
// of what was there before it.
//
// It lays out nothing (packages tui and cells).
package wholeframe
