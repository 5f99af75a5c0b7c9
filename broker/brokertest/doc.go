// Package brokertest is a broker for the tests of MQTT clients: it runs in the
// test's process, and can be told to refuse, to swallow messages, to vanish and
// to come back. It is not hellox's own broker, which does not misbehave, but
// mochi-mqtt with a hook.
//
//	test ── Swallow, DenyTopic, Stop, Start … ─→ Broker ←── MQTT ── the client that is tested
package brokertest
