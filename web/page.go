package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"time"

	"hellox/stream"
	"hellox/stream/filter"
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
}

// An asset is one file of the page, as it is served.
type asset struct {
	content   []byte
	mediaType string
	tag       string // entity tag: the digest of content
}

func newAsset(name string, content []byte) asset {
	return asset{content, mediaTypes[path.Ext(name)], fmt.Sprintf(`"%x"`, sha256.Sum256(content))}
}

// preload returns the page with a hint for each script: without, a browser asks for
// one level of imports after the other.
func preload(assets map[string]asset) []byte {
	var hints bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(assets)) {
		if path.Ext(name) == ".js" {
			fmt.Fprintf(&hints, "<link rel=\"modulepreload\" href=\"%s\">\n", name)
		}
	}
	return bytes.Replace(assets["/static/index.html"].content, []byte("<script "), append(hints.Bytes(), "<script "...), 1)
}

// files serves index.html at / and static/ below /static/. A browser
// revalidates each file each time, so that after an upgrade no page mixes two
// versions.
func files() http.HandlerFunc {
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
	assets["/"] = newAsset("index.html", preload(assets))
	return func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets[r.URL.Path]
		switch {
		case !ok:
			problem(w, http.StatusNotFound, "there is nothing at this address; the page is at /")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			problem(w, http.StatusMethodNotAllowed, "this path takes GET only")
		default:
			w.Header().Set("Content-Type", a.mediaType)
			w.Header().Set("Cache-Control", "no-cache")
			w.Header().Set("ETag", a.tag)
			r.Header.Del("Range") // an unsatisfiable range would be answered without the headers
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
		}
	}
}
