// Package connections reads the brokers that a user has given names.
//
//	$XDG_CONFIG_HOME/hellox/connections.toml        hellox watch @home
//	  [home]                                            │
//	  url = "mqtts://broker.lan"      ─► Find ◄─────────┘
//	  user = "ann"                         │
//	  password_file = "home.password"      ▼
//	                                  Connection, Password
//
// A password is never in the file itself. What is wrong in the file is told with the
// line that it stands in. Not here: flags (they go before what a connection says),
// asking for a password, dialling.
package connections
