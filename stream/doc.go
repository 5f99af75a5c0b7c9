// Package stream is the vocabulary that every part of hellox shares.
//
//	Message, Arrival    one MQTT message, stored or just received
//	Hello               the payload of a hellox broadcast
//	Sender, Link        a sender and a broker connection, as the API shows them
//	Command, Answer     what a broadcaster is asked and what it answers
//	Presence            what a broadcaster leaves, retained, when it comes and goes
//	topics, colours     names of topics; the colour of a sender
//
//	safetext ◄── stream ◄── filter, stats ◄── track
//	                  ▲
//	                 mqtt ◄── broadcast
//
// It stores nothing (history does) and shows nothing (tui and web do).
package stream
