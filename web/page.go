package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/filter"
	"hellox/web/firstlist"
)

//go:embed static
var static embed.FS

// mediaTypes holds the media types of the files in static/. The operating
// system's table, which net/http would use, differs between machines.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// An asset is one file of the page, as it is served.
type asset struct {
	content   []byte
	zipped    []byte // by gzip
	mediaType string
	tag       string // entity tag: the digest of content
}

func newAsset(name string, content []byte) asset {
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, err := zip.Write(content)
	if err = errors.Join(err, zip.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return asset{content, zipped.Bytes(), mediaTypes[path.Ext(name)], fmt.Sprintf("%x", sha256.Sum256(content))}
}

// serve answers with the asset, by gzip if the client takes that.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.mediaType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	content, tag := a.content, a.tag
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		content, tag = a.zipped, a.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	r.Header.Del("Range") // an unsatisfiable range would be answered without the headers
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// acceptsGzip reports whether an Accept-Encoding header names gzip, other than to
// refuse it.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, quality, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" {
			return !strings.HasPrefix(strings.ReplaceAll(quality, " ", ""), "q=0") || strings.Trim(strings.ReplaceAll(quality, " ", ""), "q=0.") != ""
		}
	}
	return false
}

// darkBlock finds what a style sheet declares for the dark theme.
var darkBlock = regexp.MustCompile(`:root\[data-theme="dark"\] (\{[^}]*\})`)

// withSystemDark returns a style sheet whose dark theme is also that of a page in a dark
// system until its scripts have set one: they may come seconds later, or never.
func withSystemDark(css []byte) []byte {
	return darkBlock.ReplaceAll(css, []byte("$0\n\n@media (prefers-color-scheme: dark) {\n:root:not([data-theme]) $1\n}"))
}

// chosenTheme is a script within a page, as comeAgain: the user's choice, which theme.js
// stores, is the page's from its first frame on.
const chosenTheme = `try {
  const theme = localStorage.getItem('hellox.theme');
  if (theme) document.documentElement.dataset.theme = theme;
} catch {} // the browser keeps nothing for this page
`

// comeAgain is a script within a page, which comes with it: if another file of the page
// does not come, the page is read once more, and is busy until then. A browser ends all its requests when an
// interface of the machine comes or goes, as those of containers do beside a local
// cluster, and a page whose scripts are lost says nothing.
const comeAgain = `addEventListener('error', ({ target: { localName, rel } }) => {
  const needed = localName === 'script' || rel === 'stylesheet', root = document.documentElement;
  if (!needed || root.ariaBusy || performance.getEntriesByType('navigation')[0].type === 'reload') return;
  root.ariaBusy = 'true';
  setTimeout(() => location.reload(), 500);
}, true);`

// firstScript is all that stands within a page.
const firstScript = chosenTheme + comeAgain

// withFirstScript returns the page with firstScript before all that it asks for.
func withFirstScript(page []byte) []byte {
	return bytes.Replace(page, []byte("<link "), []byte("<script>"+firstScript+"</script>\n<link "), 1)
}

// preload returns the page with a hint for each script: without, a browser asks for
// one level of imports after the other. What is painted comes before them.
func preload(assets map[string]asset) []byte {
	var hints bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(assets)) {
		if path.Dir(name) == "/static/js" && path.Base(name) != "login.js" { // of a page of its own
			fmt.Fprintf(&hints, "<link rel=\"modulepreload\" fetchpriority=\"low\" href=\"%s\">\n", name)
		}
	}
	return bytes.Replace(assets["/static/index.html"].content, []byte("<script "), append(hints.Bytes(), "<script "...), 1)
}

// sheets are the style sheets of the page, in their order.
var sheets = []string{
	"lib/uplot", "css/palette", "css/base", "css/layout", "css/head", "css/senders", "css/charts", "css/list", "css/detail", "css/controls", "css/narrow",
}

// pageCSS returns all sheets in one: nothing is painted before the last of them has come.
func pageCSS(assets map[string]asset) []byte {
	var all bytes.Buffer
	for _, name := range sheets {
		all.Write(assets["/static/"+name+".css"].content)
	}
	return all.Bytes()
}

// pageAssets returns the files of the page by their paths. To compress them takes tens
// of ms, once in a process: the result must not be changed.
var pageAssets = sync.OnceValue(func() map[string]asset {
	assets := map[string]asset{
		"/static/css/palette.css": newAsset("palette.css", paletteCSS()),
		"/static/js/limits.js":    newAsset("limits.js", module("limits", limits())),
		"/static/js/palette.js":   newAsset("palette.js", module("palette", stream.Palette())),
		"/static/js/visible.js":   newAsset("visible.js", module("ranges", visibleRanges())),
		"/static/js/terms.js":     newAsset("terms.js", module("terms", filter.Terms())),
	}
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := static.ReadFile(name)
		assets["/"+name] = newAsset(name, content)
		return err
	})
	if err != nil {
		panic(err) // the files are embedded
	}
	for _, name := range []string{"palette.css", "base.css"} {
		assets["/static/css/"+name] = newAsset(name, withSystemDark(assets["/static/css/"+name].content))
	}
	assets["/static/page.css"] = newAsset("page.css", pageCSS(assets))
	assets["/"] = newAsset("index.html", withFirstScript(preload(assets)))
	assets["/login"] = newAsset("login.html", withFirstScript(assets["/static/login.html"].content))
	return assets
})

// files serves index.html at / and static/ below /static/. A browser
// revalidates each file each time, so that after an upgrade no page mixes two
// versions. With a store the page comes with its first rows.
func files(store history.Store) http.HandlerFunc {
	assets := pageAssets()
	return func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets[r.URL.Path]
		switch {
		case !ok:
			problem(w, http.StatusNotFound, "there is nothing at this address; the page is at /")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			problem(w, http.StatusMethodNotAllowed, "this path takes GET only")
		case store != nil && r.URL.Path == "/":
			w.Header().Set("Content-Type", a.mediaType)
			_, _ = w.Write(withTrouble(r.Context(), withFirstRows(a.content, store, r), store)) // the client may have left
		default:
			a.serve(w, r)
		}
	}
}

// Bounds of the rows that the page already has when it comes.
const (
	firstRows = 50
	firstTime = 100 * time.Millisecond // in which they are read; later the page comes without
)

// withFirstRows returns the page with the newest messages that the address of r
// selects, or as it is if they cannot be read at once.
func withFirstRows(page []byte, store history.Store, r *http.Request) []byte {
	values := r.URL.Query()
	if name := strings.TrimSpace(values.Get("filter")); strings.HasPrefix(name, "@") {
		return withList(page, func() ([]byte, error) {
			return firstlist.Note(name + " is a filter's name, which the browser's scripts know: without JavaScript, write the filter itself.")
		})
	}
	sel, err := selection(values)
	if err != nil {
		return withList(page, func() ([]byte, error) { return firstlist.Note("Nothing is shown: " + err.Error() + ".") })
	}
	ctx, cancel := context.WithTimeout(r.Context(), firstTime)
	defer cancel()
	q := history.Query{Limit: firstRows, Select: sel}
	for _, name := range []string{"id", "at"} {
		if n, err := id(name, values.Get(name)); err == nil && n > 0 {
			q.Before = n + 1
		}
	}
	found, err := store.Messages(ctx, q)
	if err != nil || len(found.Messages) == 0 {
		return page
	}
	return withList(page, func() ([]byte, error) { return firstlist.HTML(found.Messages) })
}

// withList returns the page with what is written where its list will be, or as it is if
// that cannot be written.
func withList(page []byte, write func() ([]byte, error)) []byte {
	list, err := write()
	if err != nil {
		return page
	}
	const at = `<div id="list">`
	return bytes.Replace(page, []byte(at), append([]byte(at), list...), 1)
}

// withTrouble returns the page with what keeps new messages from it, if something does:
// where scripts run, the page's banner says it.
func withTrouble(ctx context.Context, page []byte, store history.Store) []byte {
	ctx, cancel := context.WithTimeout(ctx, firstTime)
	defer cancel()
	stats, err := store.Stats(ctx)
	if err != nil {
		return page
	}
	trouble, err := firstlist.Trouble(stats)
	if err != nil {
		return page
	}
	const at = `<noscript>`
	return bytes.Replace(page, []byte(at), append([]byte(at), trouble...), 1)
}
