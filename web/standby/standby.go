package standby

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// Why returns why there is no history yet: a sentence, and a hint or "".
type Why func() (sentence, hint string)

// Unnamed is the Why for those who have not shown who they are: a cause names files
// and addresses.
func Unnamed() (sentence, hint string) {
	return "the history cannot be opened yet", "the log of hellox receive says why"
}

// retrySeconds is when a browser asks again, in seconds.
const retrySeconds = 5

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>hellox</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="{{.Seconds}}">
<h1>The stream cannot be shown yet</h1>
<p>{{.Sentence}}</p>
{{with .Hint}}<p>{{.}}</p>
{{end}}<p>This page asks again every {{.Seconds}} seconds.</p></html>
`))

// Handler answers every request with 503 and what why returns: the API with problem,
// all else with a page.
func Handler(why Why, problem func(w http.ResponseWriter, status int, detail string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sentence, hint := why()
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
		if strings.HasPrefix(r.URL.Path, "/api/") {
			if hint != "" {
				sentence += "; " + hint
			}
			problem(w, http.StatusServiceUnavailable, sentence)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = page.Execute(w, struct { // the client may have left
			Sentence, Hint string
			Seconds        int
		}{upperFirst(sentence) + ".", upperFirst(hint), retrySeconds})
	})
}

// upperFirst returns s with a capital: sentences of errors begin without.
func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
