// Package filter is the query language for messages: it parses an expression
// and matches messages against it.
//
//	sender:press-* delta>10s or payload.temp>=30
//	        │
//	      Parse ──► *Filter ──► Match(message): true or false
//	                   │
//	                 Expr ──► Relax: the part that an index can answer
//
// Terms lists what can be asked for. The parser is a recursive descent (parse,
// operand, path, regex, quote); the tree is And, Or, Not and *Term (expr, term);
// a Term matches with a pattern, a regular expression or a JSON path.
//
// What is selected from a store, and with which index, is the store's business
// (history); an MQTT topic filter is stream.MatchTopic.
package filter
