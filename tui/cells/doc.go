// Package cells measures and fits text by terminal cells.
//
// A terminal counts cells: a letter of most scripts takes one, an ideograph
// two, a combining mark none. All widths are in cells, by grapheme.
//
//	"press-1"  Left(s, 10)    |press-1   |
//	           Right(s, 10)   |   press-1|
//	           Cut(s, 5)      |pres…|
//	"日本語"    Width(s)        6
//
// It knows no colours (package theme) and no numbers (package units). Clean
// and Name take text from the network and make it safe to show; the others
// expect safe text.
package cells
