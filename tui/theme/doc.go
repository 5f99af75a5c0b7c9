// Package theme holds the colours and signs of the terminal: of states, of
// senders, of the selected row.
//
//	Theme ── Styles        on the terminal's own background
//	  │   └─ Row(true)     in the selected row
//	  ├───── Bar(sender)   ▌ in the sender's colour
//	  └───── Help          the styles of the help
//
// A Style is applied thousands of times a second, so it is compiled once. No
// state is shown by colour alone: Sign has a shape for each, Marks for messages. Layout and text are
// not decided here.
package theme
