package origin

import "net/http"

// refusedPage answers a link on another site. The link that it offers is
// followed by the user, not by that site.
func refusedPage(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><title>hellox</title>
<link rel="stylesheet" href="/static/css/base.css">
<body class="refused"><h1>Another site opened this address</h1>
<p>hellox shows the stream only in a page that you open yourself. <a href="/">Open the stream</a></p></body></html>
`))
}
