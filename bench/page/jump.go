package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/chromedp/chromedp"

	"hellox/history/sqlite"
	"hellox/stream"
)

// prepare writes a history of n messages, a millisecond apart, unless the file is
// there already.
func prepare(ctx context.Context, path string, n int) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	began, first := time.Now(), time.Now().Add(-time.Duration(n)*time.Millisecond)
	const batch = 20_000
	for i := 0; i < n && err == nil; i += batch {
		arrivals := make([]stream.Arrival, min(batch, n-i))
		for j := range arrivals {
			arrivals[j] = stream.Arrival{Topic: "hello_world/bench", Payload: fmt.Appendf(nil, "message %d", i+j), QoS: 1,
				Received: first.Add(time.Duration(i+j) * time.Millisecond), Ack: func() {}}
		}
		err = s.Append(ctx, arrivals)
	}
	fmt.Printf("%d messages written in %s\n", n, time.Since(began).Round(time.Second))
	return errors.Join(err, s.Close())
}

// jump presses the rail at a fraction of its height, and returns after how many ms a
// frame has rows from there: within a hundredth of the whole history.
const jump = `(async (fraction) => {
  const rail = document.querySelector('#list .rail'), box = rail.getBoundingClientRect();
  const low = Number(rail.ariaValueMin), high = Number(rail.ariaValueMax), target = low + fraction * (high - low);
  const tell = (kind) => rail.dispatchEvent(new PointerEvent(kind, { clientX: box.left + 7, clientY: box.top + box.height * fraction, bubbles: true, button: 0, pointerId: 1 }));
  rail.setPointerCapture = () => {};
  const began = performance.now();
  tell('pointerdown');
  tell('pointerup');
  while (performance.now() - began < 60000) {
    await new Promise(requestAnimationFrame);
    const list = document.querySelector('#list .rows').getBoundingClientRect();
    const near = [...document.querySelectorAll('#list .row[id^=message-]:not([hidden])')].filter((row) => {
      const box = row.getBoundingClientRect();
      return box.top >= list.top && box.bottom <= list.bottom && Math.abs(Number(row.id.slice(8)) - target) < (high - low) / 50;
    });
    if (near.length > 5) return performance.now() - began;
  }
  return -1;
})(%g)`

// jumps times jumps all over the history, and to its oldest message.
func jumps(tab context.Context, rows int) error {
	var took []float64
	for i := range 40 {
		fraction := 0.05 + 0.9*float64((i*17)%40)/40
		ms, err := chromedp.Run(tab, chromedp.Evaluate[float64](fmt.Sprintf(jump, fraction), chromedp.EvalAwaitPromise))
		if err != nil {
			return err
		}
		if ms < 0 {
			return fmt.Errorf("the list did not come to %g of the history within a minute", fraction)
		}
		took = append(took, ms)
	}
	oldest, err := chromedp.Run(tab, chromedp.Evaluate[float64](`(async () => {
  const began = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'g', bubbles: true }));
  while (!document.querySelector('#message-1:not([hidden])') && performance.now() - began < 10000) await new Promise(requestAnimationFrame);
  return performance.now() - began;
})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Printf("%d messages: a jump from press to frame p50 %.1f ms, p90 %.1f ms, max %.1f ms of %d; g to the oldest message %.1f ms\n",
		rows, took[len(took)/2], took[len(took)*9/10], took[len(took)-1], len(took), oldest)
	return nil
}
