package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
)

// floorPage prints each event of a stream, and does nothing else. Its rows are found
// where those of hellox are.
const floorPage = `<!doctype html><title>floor</title><p>floor</p><div id="list"></div><script>
new EventSource('/events').onmessage = ({ data }) => {
  const list = document.querySelector('#list'), row = document.createElement('div'), text = document.createElement('span');
  row.className = 'row';
  text.className = 'text';
  text.textContent = data;
  row.append(text);
  list.append(row);
  if (list.childElementCount > 30) list.firstChild.remove();
};
</script>`

// A floor is what no page can do better on this machine now: a server that writes each
// event at once, and floorPage.
type floor struct {
	address string
	events  chan string
	end     func()
}

func startFloor() (*floor, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &floor{address: "http://" + ln.Addr().String(), events: make(chan string, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, floorPage) })
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		_ = control.Flush()
		for {
			select {
			case e := <-f.events:
				fmt.Fprintf(w, "data: %s\n\n", e)
				if control.Flush() != nil {
					return
				}
			case <-r.Context().Done():
				return
			}
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	f.end = func() {
		_ = server.Close()
		<-served
	}
	return f, nil
}

// publish sends n events a second apart by rate and returns when each was sent.
func (f *floor) publish(ctx context.Context, rate int, duration time.Duration) ([]float64, error) {
	return evenly(ctx, rate, duration, func(i int) { f.events <- fmt.Sprintf("message %d", i) })
}

// paints loads an address again and again and returns after how many ms its first
// content was painted, sorted.
func paints(tab context.Context, address string) ([]float64, error) {
	var took []float64
	for range 20 {
		if err := chromedp.Do(tab, chromedp.Navigate(address)); err != nil {
			return nil, err
		}
		ms, err := chromedp.Run(tab, chromedp.Evaluate[float64](`new Promise((resolve) => new PerformanceObserver((all, o) => {
  const paint = all.getEntriesByName('first-contentful-paint')[0];
  if (paint) { o.disconnect(); resolve(paint.startTime); }
}).observe({ type: 'paint', buffered: true }))`, chromedp.EvalAwaitPromise))
		if err != nil {
			return nil, err
		}
		took = append(took, ms)
	}
	slices.Sort(took)
	return took, nil
}

// open opens and closes the newest message, and returns after how many ms a frame has
// its payload.
const open = `(async () => {
  const took = [], key = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  key('G');
  await frame();
  key('k');
  for (let i = 0; i < 20; i++) {
    await frame();
    const began = performance.now();
    key('Enter');
    while (document.querySelector('#detail').hidden || !document.querySelector('#detail pre').textContent.includes('"of the payload"')) await frame();
    await frame();
    took.push(performance.now() - began);
    key('Escape');
    await frame();
  }
  return took.sort((a, b) => a - b);
})()`

// quantile returns the value of sorted values that a share of them does not exceed.
func quantile(sorted []float64, share float64) float64 {
	return sorted[int(share*float64(len(sorted)-1))]
}
