// Package retained holds the broker's retained messages, by topic: a tree with a
// level of the topic at each node. Whoever subscribes gets them in small parts,
// as there is room: Next continues where the last part ended, with what is
// retained by then.
//
// It stores nothing: the journal asks for what it writes with Get. Which
// messages may be delivered is decided in package broker.
package retained
