// Package tui shows the stream in a terminal: Run is a full screen to look and
// act in. It reads one history.Store, whichever that is.
//
//	            source ── Msg ──▶ model.Update ── routes ─┬─▶ listModel     tab 1
//	terminal ── keys, mouse ──▶      │                    ├─▶ treeModel     tab 2
//	                                 │                    ├─▶ sendersModel  tab 3, panel
//	                                 │                    ├─▶ detailModel   pane
//	                                 │                    └─▶ form.Filter, Publish, Tell
//	         model.View ◀────────────┘
//	┌──────────────────────────────────────────────┐
//	│ headerLine                        status     │
//	│ tabLine                                      │
//	│ panel │ view of the tab             │ detail │   layout
//	│ formLines                                    │
//	│ recentLine, or a notice                      │
//	│ keyLine                           keys       │
//	└──────────────────────────────────────────────┘
//
// The root model alone changes shared, which all sub-models read. Update never
// waits: what does is a command of package source. View renders only the rows
// that are on the screen.
//
// Below are packages that know no model: cells (widths), units (numbers in
// words), theme (colours and signs), timeline, topictree, detail (one message in
// full), form (what is typed into). lines writes the stream as text for pipes.
// Only tui knows terminals; it knows neither MQTT nor HTTP nor Kubernetes.
package tui
