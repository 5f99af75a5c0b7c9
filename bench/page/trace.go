package main

import (
	"context"
	"os"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// startTrace writes what the browser does into a file, for the performance view of its
// developer tools, until end is called. A browser that is traced is slower.
func startTrace(tab context.Context, file string) (end func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	var events []string // complete: none is added any more
	complete := make(chan struct{})
	err = chromedp.Listen(tab, func(ev any) {
		switch ev := ev.(type) {
		case *tracing.EventDataCollected:
			for _, e := range ev.Value {
				events = append(events, string(e))
			}
		case *tracing.EventTracingComplete:
			close(complete)
		}
	})
	if err != nil {
		return nil, err
	}
	_, err = chromedp.Call(tab, tracing.Start, tracing.StartParams{TraceConfig: &tracing.TraceConfig{
		IncludedCategories: []string{"devtools.timeline", "disabled-by-default-devtools.timeline", "disabled-by-default-devtools.timeline.frame", "v8.execute", "blink.user_timing", "cc", "toplevel"},
	}})
	if err != nil {
		return nil, err
	}
	return func() error {
		if _, err := chromedp.Call(tab, tracing.End, cdp.Empty{}); err != nil {
			return err
		}
		<-complete
		return os.WriteFile(file, []byte("["+strings.Join(events, ",\n")+"]\n"), 0o600)
	}, nil
}
