// Package config knows the folder of the files that a user writes.
//
//	$XDG_CONFIG_HOME/hellox/
//	  connections.toml   package connections: brokers with names
//	  filters.toml       package filters: filters with names
//
// Not here: what is in them. What a machine records is in package state.
package config
