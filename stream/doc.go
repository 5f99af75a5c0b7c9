// Package stream is the vocabulary that every part of hellox shares: what a
// message is, who said it, what a broadcaster publishes, how the stream is
// subscribed to, what was missed, and the filter language.
//
// It speaks MQTT as a client (paho). It keeps nothing: history does. It shows
// nothing: tui and web do.
package stream
