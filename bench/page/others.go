package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// openOthers opens the page in more windows of the same browser, and in tabs, which
// are hidden.
func openOthers(first context.Context, address string, windows, tabs int) ([]context.Context, error) {
	var others []context.Context
	for i := range windows + tabs {
		var options []chromedp.ContextOption
		if i >= windows {
			options = append(options, chromedp.WithNewWindow(false))
		}
		tab, _ := chromedp.NewContext(first, options...)
		view := address
		if i%3 == 1 {
			view += "/?filter=message"
		}
		if err := chromedp.Do(tab, chromedp.Navigate(view)); err != nil {
			return nil, fmt.Errorf("page %d: %w", i+2, err)
		}
		others = append(others, tab)
	}
	return others, nil
}

// reportOthers shows one page after the other and counts those that hold the newest
// message soon after: all must.
func reportOthers(others []context.Context, published int) error {
	newest := fmt.Sprintf(`[...document.querySelectorAll('#list .row:not([hidden]) .text')].some((e) => e.textContent === 'message %d')`, published-1)
	shown, connected := 0, 0
	for _, tab := range others {
		if _, err := chromedp.Call(tab, page.BringToFront, cdp.Empty{}); err != nil {
			return err
		}
		for _, c := range []struct {
			expression string
			count      *int
		}{{newest, &shown}, {live, &connected}} {
			if _, err := chromedp.Run(tab, chromedp.Poll[bool](c.expression, chromedp.WithPollingTimeout(10*time.Second))); err == nil {
				*c.count++
			}
		}
	}
	fmt.Printf("%d other pages: %d show the newest message, %d are live\n", len(others), shown, connected)
	if shown < len(others) || connected < len(others) {
		return errors.New("not all pages are live")
	}
	return nil
}
