// Package source makes the commands of the terminal screen: everything that
// waits for something outside it.
//
//	model ── Read, Older, Newer ───▶ history.Store ──▶ NewestMsg, PageMsg
//	      ── Find, Last ───────────▶                  FoundMsg, LastMsg
//	      ── Decode, Changes ──────▶                  DecodedMsg, ChangesMsg
//	      ── Numbers ──────────────▶                  NumbersMsg
//	      ── Poll, Topics, Survey ─▶                  PollMsg, TopicsMsg, SurveyMsg
//	      ── Follow, Feed.Next ────▶ Follower ───────▶ EventsMsg, a batch a frame
//	      ── Publish, Tell ────────▶ Client ─────────▶ ActedMsg
//	      ── Tick, PollLater ──────▶ clock ──────────▶ TickMsg, PollDueMsg
//
// A Msg is data: what is done with it is decided in package tui. Replies carry
// the generation of the selection that asked for them, so that the model can
// ignore those of an older one.
package source
