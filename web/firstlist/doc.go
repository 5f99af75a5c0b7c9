// Package firstlist writes the newest messages as a plain table in HTML: what a
// browser paints before the page's scripts run, and all that it shows without them, with what keeps new ones from it.
//
// Text from the network passes stream/safetext and html/template.
package firstlist
