// Package filters reads and writes the filters that a user has given names.
//
//	$XDG_CONFIG_HOME/hellox/filters.toml      hellox watch --filter @failing
//	  # what needs a look                        │
//	  failing = "is:missed or latency>1s"   ─► All
//	  hot = "payload.temp>=30"              ◄─ Keep, Forget: the terminal
//
// What a user wrote beside them stays as it is: a line is replaced, added or taken
// out. Not here: the filter language (stream/filter), which @NAME is a part of no
// expression of.
package filters
