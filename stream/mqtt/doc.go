// Package mqtt is the MQTT client of hellox: it dials a broker, publishes,
// subscribes, connects again and says in one sentence why it cannot.
//
//	ParseBroker ──► Broker
//	                  │ dial (TCP, TLS, WebSocket), frame checks
//	                  ▼
//	               Client     one connection: publish, subscribe, acknowledgements, close
//	                  ▲
//	              Reconnect   the next Client when one is lost, with growing waits
//	              ▲       ▲
//	  Subscribe ──┘       └── Conn: Publish, and Ask a broadcaster
//	  (Arrivals into a channel)
//
// github.com/eclipse/paho.mqtt.golang speaks the protocol and is imported here
// alone. What is published, how often and by whom is package broadcast's; what
// arrived is stored by history.
package mqtt
