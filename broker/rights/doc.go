// Package rights decides who an MQTT client is and what it may do. It knows no
// connection and no session: the broker asks it at each CONNECT, and asks the
// Rights at each PUBLISH, SUBSCRIBE and delivery.
//
//	CONNECT: user, password ──► Authority.Login ──► a Login: the identity
//	                                                   │
//	users file ─┐                                      ▼
//	            ├─► Files (read anew on change) ──► Rights: publish, subscribe, deny
//	ACL file ───┘
//
// Everything that no rule allows is denied. A file that is empty, unreadable or
// cut short is never half used: at the start it is an error, later what it said
// when it was good last stays in force, and the other files do not wait for it.
//
// Another source of identities, such as tokens or client certificates, is
// another Authority; Broadcaster and Receiver are the rights of hellox's own
// roles for it.
package rights
