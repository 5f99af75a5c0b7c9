package main

import (
	"bufio"
	"context"
	"os"

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
	events, complete := make(chan string, 1<<20), make(chan struct{})
	err = chromedp.Listen(tab, func(ev any) {
		switch ev := ev.(type) {
		case *tracing.EventDataCollected:
			for _, e := range ev.Value {
				events <- string(e)
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
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer f.Close()
		w := bufio.NewWriter(f)
		_, _ = w.WriteString("[")
		for n := len(events); n > 0; n-- {
			_, _ = w.WriteString(<-events)
			if n > 1 {
				_, _ = w.WriteString(",\n")
			}
		}
		_, _ = w.WriteString("]\n")
		return w.Flush()
	}, nil
}
