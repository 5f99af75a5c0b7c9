package main

import (
	"context"
	"os/exec"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// A kindBrowser is a real Chromium with one tab, which stays open for as long
// as the test: what the page shows in the end, it has kept up with by itself.
type kindBrowser struct{ tab context.Context }

func newKindBrowser(t *testing.T) *kindBrowser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		needed(t, "chromium")
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-default-browser-check", true),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return &kindBrowser{ctx}
}

// A shownRow is one row of the page's list. A long name is shortened in the
// row; its title begins with the whole one.
type shownRow struct {
	ID           int64
	Sender, Text string
}

const rowsOnPage = `[...document.querySelectorAll('.rows .row[data-id]')].map(row => ({
	id: Number(row.dataset.id),
	sender: row.querySelector('.sender').title.split(': press')[0],
	text: row.querySelector('.text').textContent,
}))`

// rows are those in sight, oldest first.
func (b *kindBrowser) rows(t *testing.T) []shownRow {
	t.Helper()
	rows, err := chromedp.Run(b.tab, chromedp.Evaluate[[]shownRow](rowsOnPage))
	if err != nil {
		t.Fatalf("read the page's list: %v", err)
	}
	slices.SortFunc(rows, func(a, b shownRow) int { return int(a.ID - b.ID) })
	return rows
}

// newest is the id of the newest row; 0: there is none.
func (b *kindBrowser) newest(t *testing.T) int64 {
	t.Helper()
	rows := b.rows(t)
	if len(rows) == 0 {
		return 0
	}
	return rows[len(rows)-1].ID
}

// open goes to the plain address of the page, as one would type it.
func (b *kindBrowser) open(t *testing.T, address string) {
	t.Helper()
	if err := chromedp.Do(b.tab, chromedp.Navigate(address)); err != nil {
		t.Fatalf("open %s in chromium: %v", address, err)
	}
}
