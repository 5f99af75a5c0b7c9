// Package subject turns MQTT topics and topic filters into the subjects that
// nats-server gives to them, and back.
//
//	hello_world/a.b//c ──Of──► hello_world.a//b./.c ──Topic──► hello_world/a.b//c
//	hello_world/#  ──Filter──► hello_world, hello_world.>
//
// It knows no connection; broker/nats and history/jetstream have these.
package subject
