package main

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"hellox/stream/mqtt"
)

// soak publishes for so long while the page follows, and prints each minute and at the end
// what the page's scripts hold, before a collection and after it.
func (o options) soak(ctx context.Context, tab context.Context, client *mqtt.Conn, page string) error {
	// Not show: what it notes of each message would count as the page's.
	if err := chromedp.Do(tab, chromedp.Navigate(page)); err != nil {
		return err
	}
	for from, began := 0, time.Now(); time.Since(began) < o.soakTime; {
		sent, err := publish(ctx, client, from, o.rate, min(time.Minute, o.soakTime))
		if err != nil {
			return err
		}
		from += len(sent)
		used, err := chromedp.Call(tab, runtime.GetHeapUsage, cdp.Empty{})
		if err != nil {
			return err
		}
		if _, err := chromedp.Call(tab, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			return err
		}
		held, err := chromedp.Call(tab, runtime.GetHeapUsage, cdp.Empty{})
		if err != nil {
			return err
		}
		shown, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector('#head .received').textContent + ', ' + document.querySelector('#list .rows').ariaRowCount + ' rows'`))
		if err != nil {
			return err
		}
		fmt.Printf("%s at %d msg/s: %d published, %s; heap %.1f MiB, %.1f MiB after a collection\n",
			time.Since(began).Round(time.Second), o.rate, from, shown, used.UsedSize/(1<<20), held.UsedSize/(1<<20))
	}
	return nil
}
