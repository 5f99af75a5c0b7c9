package broadcast

import "runtime/debug"

// collectSooner has the collector run when a quarter of what is in use has been added,
// as long as GOGC asks for nothing else. The garbage that it leaves by default is as
// much as all that very many broadcasters need.
func collectSooner() {
	const usual, sooner = 100, 25
	if asked := debug.SetGCPercent(sooner); asked != usual {
		debug.SetGCPercent(asked)
	}
}
