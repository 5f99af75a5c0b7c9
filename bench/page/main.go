package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"hellox/bench/rig"
	"hellox/stream/mqtt"
)

type options struct {
	hellox    string
	chromium  string
	rate      int
	duration  time.Duration
	mqtt, web int
	tabs      int
	windows   int
	rows      int
	history   string
	kills     int
	soakTime  time.Duration
	trace     string
}

func main() {
	var o options
	flag.StringVar(&o.hellox, "hellox", "hellox", "the `BINARY` to measure")
	flag.StringVar(&o.chromium, "chromium", "chromium", "the `BROWSER`")
	flag.IntVar(&o.rate, "rate", 100, "messages a second")
	flag.DurationVar(&o.duration, "for", 20*time.Second, "how long")
	flag.IntVar(&o.mqtt, "mqtt-port", 25590, "port of the broker")
	flag.IntVar(&o.web, "web-port", 25591, "port of the page")
	flag.IntVar(&o.windows, "windows", 1, "windows that show the page")
	flag.IntVar(&o.tabs, "tabs", 0, "tabs of those windows that show it as well")
	flag.IntVar(&o.rows, "rows", 0, "instead: time jumps in a history of so many messages")
	flag.StringVar(&o.history, "history", "", "with -rows: the `FILE` of the history, which is kept; default: a temporary one")
	flag.IntVar(&o.kills, "kills", 0, "instead: kill receiver and broker so many times each, and compare what the page shows")
	flag.DurationVar(&o.soakTime, "soak", 0, "instead: publish for so long, and print how much memory the page's scripts hold")
	flag.StringVar(&o.trace, "trace", "", "write what the browser does while delays are measured to this `FILE`")
	flag.Parse()
	rig.Main(func(ctx context.Context) error { return run(ctx, o) })
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "hellox-bench-page-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	history, rest, err := o.prepared(ctx, dir)
	if err != nil {
		return err
	}
	broker := fmt.Sprintf("mqtt://127.0.0.1:%d", o.mqtt)
	page := fmt.Sprintf("http://127.0.0.1:%d", o.web)
	var roles []*role
	for _, args := range [][]string{
		{"broker", "--listen", broker, "--store", filepath.Join(dir, "broker")},
		append([]string{"receive", "--broker", broker, "--listen", fmt.Sprintf("127.0.0.1:%d", o.web), "--history", "sqlite:" + history}, rest...),
	} {
		r := &role{binary: o.hellox, args: args}
		if err := r.start(ctx); err != nil {
			return err
		}
		defer func() { r.end() }()
		roles = append(roles, r)
	}
	to, err := mqtt.ParseBroker(broker)
	if err != nil {
		return err
	}
	var client *mqtt.Conn
	err = await(ctx, "the broker at "+broker, func() (err error) {
		client, err = mqtt.Dial(ctx, mqtt.DialOptions{Broker: to})
		return err
	})
	if err != nil {
		return err
	}
	defer client.Close()
	err = await(ctx, "the page at "+page, func() error {
		resp, err := http.Get(page + "/api/stats")
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	tab, end, err := openBrowser(ctx, o.chromium)
	if err != nil {
		return err
	}
	defer end()
	if o.kills > 0 {
		broadcasters := role{binary: o.hellox, args: []string{"broadcast", "--broker", broker, "--id", "press", "--count", "3", "--min", "20ms", "--max", "60ms"}}
		return kills(ctx, tab, page, roles[1], roles[0], broadcasters, o.kills)
	}
	return o.measure(ctx, tab, client, page)
}

// measure measures the page in a browser.
func (o options) measure(ctx, tab context.Context, client *mqtt.Conn, page string) error {
	if o.soakTime > 0 {
		return o.soak(ctx, tab, client, page)
	}
	if o.rows > 0 {
		if err := show(tab, page); err != nil {
			return err
		}
		return jumps(tab, o.rows)
	}
	least, err := o.measureFloor(ctx, tab)
	if err != nil {
		return err
	}
	if err := o.measureOpening(ctx, tab, client, page, least); err != nil {
		return err
	}
	others, err := openOthers(tab, page, o.windows-1, o.tabs)
	if err != nil {
		return err
	}
	streamed, err := startArrivals(ctx, page)
	if err != nil {
		return err
	}
	defer streamed.end()
	// No key is pressed while delays are measured: one that chooses a row ends following.
	half := o.duration / 2
	endTrace, err := startTrace(tab, o.trace)
	if err != nil {
		return err
	}
	sent, err := publish(ctx, client, 0, o.rate, half)
	if err != nil {
		return err
	}
	if err := endTrace(); err != nil {
		return err
	}
	took, err := delays(tab, sent)
	if err != nil {
		return err
	}
	if _, err := chromedp.Run(tab, chromedp.Evaluate[any](pressKeys)); err != nil {
		return err
	}
	more, err := publish(ctx, client, len(sent), o.rate, half)
	if err != nil {
		return err
	}
	if err := o.report(tab, len(sent), took, least.delays); err != nil {
		return err
	}
	streamed.report(sent)
	if len(others) == 0 {
		return nil
	}
	return reportOthers(others, len(sent)+len(more))
}

// prepared returns the file of the history, and with how much of it the receiver starts.
func (o *options) prepared(ctx context.Context, dir string) (file string, flags []string, err error) {
	file = filepath.Join(dir, "history.db")
	if o.rows == 0 {
		return file, nil, nil
	}
	if o.history != "" {
		file = o.history
	}
	return file, []string{"--keep", "100GiB"}, prepare(ctx, file, o.rows)
}

// await waits until what answers.
func await(ctx context.Context, what string, ask func() error) (err error) {
	for range 100 {
		if err = ask(); err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s does not answer: %w", what, err)
}

// watch notes when each message is first in a frame. What stands in the list is read
// right after the frame: pages that write into it as a frame is made are in it.
const watch = `(() => {
  window.seen = new Map();
  const after = new MessageChannel();
  after.port1.onmessage = ({ data: now }) => {
    for (const e of document.querySelectorAll('#list .row:not([hidden]) .text')) {
      const n = /message (\d+)$/.exec(e.textContent)?.[1];
      if (n && !window.seen.has(n)) window.seen.set(n, now);
    }
  };
  const look = () => {
    after.port2.postMessage(performance.timeOrigin + performance.now());
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()`

// pressKeys presses a key every second, by turns one that chooses a row and one that
// follows again, and notes how long each takes to the frame after it.
const pressKeys = `(() => {
  window.keys = [];
  setInterval(() => {
    const began = performance.now();
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: window.keys.length % 2 ? 'G' : 'k', bubbles: true }));
    requestAnimationFrame(() => setTimeout(() => window.keys.push(performance.now() - began), 0));
  }, 1000);
})()`

func openBrowser(ctx context.Context, chromium string) (context.Context, func(), error) {
	profile, err := os.MkdirTemp("", "hellox-bench-chromium-")
	if err != nil {
		return nil, nil, err
	}
	allocator, leave := chromedp.NewExecAllocator(ctx, chromedp.ExecPath(chromium), chromedp.UserDataDir(profile),
		chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true))
	tab, cancel := chromedp.NewContext(allocator)
	end := func() {
		cancel()
		leave()
		_ = os.RemoveAll(profile)
	}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1400, 900)); err != nil {
		end()
		return nil, nil, err
	}
	return tab, end, nil
}

// show opens a page and notes from then on what is on the screen.
func show(tab context.Context, page string) error {
	if err := chromedp.Do(tab, chromedp.Navigate(page), chromedp.Sleep(2*time.Second)); err != nil {
		return err
	}
	_, err := chromedp.Run(tab, chromedp.Evaluate[any](watch))
	return err
}

// A bound is what the floor took: ms from an event to the screen, and to the first paint.
type bound struct{ delays, paints []float64 }

// measureFloor measures the floor in the browser and at the rate in which the page will be.
func (o options) measureFloor(ctx context.Context, tab context.Context) (least bound, err error) {
	f, err := startFloor()
	if err != nil {
		return least, err
	}
	defer f.end()
	if least.paints, err = paints(tab, f.address); err != nil {
		return least, err
	}
	if err := show(tab, f.address); err != nil {
		return least, err
	}
	sent, err := f.publish(ctx, o.rate, o.duration)
	if err != nil {
		return least, err
	}
	if least.delays, err = delays(tab, sent); err != nil {
		return least, err
	}
	fmt.Printf("floor, %d events/s for %s: event to pixel p50 %.1f ms, p99 %.1f ms of %d in a frame; first paint p50 %.1f ms\n",
		o.rate, o.duration, quantile(least.delays, 0.5), quantile(least.delays, 0.99), len(least.delays), quantile(least.paints, 0.5))
	return least, nil
}

// measureOpening measures the first paint and how fast a large payload opens, and leaves
// the page open.
func (o options) measureOpening(ctx context.Context, tab context.Context, client *mqtt.Conn, page string, least bound) error {
	large := fmt.Sprintf(`{"begin":"of the payload","%s":[%s0]}`, strings.Repeat("x", 100), strings.Repeat("12345678,", 256<<10/9-20))
	if err := client.Publish(ctx, "hello_world/large", []byte(large), 1, false); err != nil {
		return err
	}
	took, err := paints(tab, page)
	if err != nil {
		return err
	}
	fmt.Printf("hellox: first paint p50 %.1f ms, p90 %.1f ms, %.1f times the floor\n", quantile(took, 0.5), quantile(took, 0.9), quantile(took, 0.5)/quantile(least.paints, 0.5))
	if err := show(tab, page); err != nil {
		return err
	}
	opened, err := chromedp.Run(tab, chromedp.Evaluate[[]float64](open, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	fmt.Printf("a payload of %d KiB opens in p50 %.1f ms, p90 %.1f ms, from the key to the frame\n", len(large)>>10, quantile(opened, 0.5), quantile(opened, 0.9))
	return show(tab, page)
}

// evenly calls send so many times a second, with a number, and returns when it did, in
// ms since 1970.
func evenly(ctx context.Context, rate int, duration time.Duration, send func(int)) ([]float64, error) {
	sent := make([]float64, int(duration.Seconds()*float64(rate)))
	began := time.Now()
	for i := range sent {
		select {
		case <-time.After(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate)))):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		sent[i] = float64(time.Now().UnixMicro()) / 1000
		send(i)
	}
	return sent, nil
}

// publish publishes messages evenly, numbered from first on, and returns when each was
// handed to the client.
func publish(ctx context.Context, client *mqtt.Conn, first, rate int, duration time.Duration) ([]float64, error) {
	done := make(chan error, 1000)
	sent, err := evenly(ctx, rate, duration, func(i int) {
		go func() {
			done <- client.Publish(ctx, "hello_world/bench", fmt.Appendf(nil, "message %d", first+i), 1, false)
		}()
	})
	if err != nil {
		return nil, err
	}
	for range sent {
		if err := <-done; err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// delays returns how many ms passed until each message that was seen was in a frame, sorted.
func delays(tab context.Context, sent []float64) ([]float64, error) {
	time.Sleep(time.Second)
	seen, err := chromedp.Run(tab, chromedp.Evaluate[map[string]float64](`Object.fromEntries(window.seen)`))
	if err != nil {
		return nil, err
	}
	var took []float64
	for i, at := range sent {
		if on, ok := seen[fmt.Sprint(i)]; ok {
			took = append(took, on-at)
		}
	}
	if len(took) == 0 {
		return nil, errors.New("no message was on the screen")
	}
	slices.Sort(took)
	return took, nil
}

func (o options) report(tab context.Context, sent int, took, least []float64) error {
	heap, err := chromedp.Run(tab, chromedp.Evaluate[float64](`performance.memory?.usedJSHeapSize ?? 0`))
	if err != nil {
		return err
	}
	key, err := chromedp.Run(tab, chromedp.Evaluate[float64](`window.keys.length ? Math.max(...window.keys) : 0`))
	if err != nil {
		return err
	}
	fmt.Printf("hellox, %d msg/s for %s: of %d %d in a frame; publish to pixel p50 %.1f ms (%.1f times the floor), p90 %.1f ms, p99 %.1f ms (%.1f times), max %.1f ms; heap %.1f MiB; a key is answered within %.1f ms\n",
		o.rate, o.duration, sent, len(took), quantile(took, 0.5), quantile(took, 0.5)/quantile(least, 0.5), quantile(took, 0.9), quantile(took, 0.99), quantile(took, 0.99)/quantile(least, 0.99),
		quantile(took, 1), heap/(1<<20), key)
	return nil
}
