// Package nats is the broker of several nodes: an embedded nats-server whose MQTT
// listener takes the clients of hellox unchanged, and whose streams hold what it
// acknowledges on each node.
//
//	CONNECT ──► nats-server ──► callout: rights.Authority ──► permissions
//	                │                                          (of subjects)
//	PUBLISH, QoS 1 ─┴─► $MQTT_msgs, on three nodes ──► PUBACK
//	                        │
//	                        └─ made by prepare before the first client is let in
//
// Topics and topic filters become subjects (stream/subject); the rights of broker/rights
// become lists of subjects (permissions.go). What MQTT clients may never reach, such
// as JetStream's API, is denied to all of them.
//
// What this broker does otherwise than package broker stands in docs/nats.md: no
// MQTT 5, no white space in topics, no reasons to clients. Not here: the history
// (package history) and files of users and certificates (cmd/hellox/access).
package nats
