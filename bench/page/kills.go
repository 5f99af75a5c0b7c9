package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// A role is a process of hellox that is killed and started anew.
type role struct {
	binary string
	args   []string
	cmd    *exec.Cmd
}

func (r *role) start(ctx context.Context) error {
	r.cmd = exec.CommandContext(ctx, r.binary, r.args...)
	r.cmd.Stderr = os.Stderr
	r.cmd.Cancel = func() error { return r.cmd.Process.Signal(os.Interrupt) }
	r.cmd.WaitDelay = 5 * time.Second
	return r.cmd.Start()
}

// end ends the role in order.
func (r *role) end() {
	_ = r.cmd.Process.Signal(os.Interrupt)
	_ = r.cmd.Wait()
}

func (r *role) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// Expressions of what a person sees meanwhile.
const (
	live          = `document.querySelector('#head .path').textContent.includes('you\u00a0●')`
	unknown       = `document.querySelectorAll('#senders .sign.good, #senders .sign.warn, #senders .sign.bad').length === 0`
	toldReceiver  = `document.querySelector('#banner').textContent.startsWith('The receiver')`
	toldBroker    = `document.querySelector('#banner').textContent.startsWith('The receiver is without the broker')`
	nothingIsTold = live + ` && document.querySelector('#banner').hidden && document.querySelectorAll('#senders .sign.good').length >= 3`
)

// seenIDs goes through the whole list a screen at a time, from the oldest message to the
// newest, and returns the ID of each row that was on the screen; of one that was there
// twice at once, twice.
const seenIDs = `(async () => {
  const key = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  const view = document.querySelector('#list .rows'), ids = new Set(), doubled = new Set();
  key('g');
  while (!document.querySelector('#message-1:not([hidden])')) await frame();
  for (let before = -1; before !== view.scrollTop;) {
    const rows = [...document.querySelectorAll('#list .row[id^=message-]:not([hidden])')].map((row) => Number(row.id.slice(8)));
    rows.forEach((id, i) => { if (rows.indexOf(id) < i) doubled.add(id); });
    for (const id of rows) ids.add(id);
    before = view.scrollTop;
    view.scrollTop += view.clientHeight / 2;
    for (let i = 0; i < 30 && before === view.scrollTop; i++) { await frame(); view.scrollTop += view.clientHeight / 2; } // more is being read
    await frame();
    await frame();
  }
  return [...ids, ...doubled].sort((a, b) => a - b);
})()`

// kills kills the receiver and the broker by turns while three broadcasters speak, and
// holds what the page shows meanwhile and in the end: nothing missing, nothing doubled.
func kills(ctx, tab context.Context, page string, receiver, broker *role, broadcasters role, rounds int) error {
	if err := broadcasters.start(ctx); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.Navigate(page)); err != nil {
		return err
	}
	await := func(what, expression string) error {
		began := time.Now()
		if _, err := chromedp.Run(tab, chromedp.Poll[bool](`(() => { try { return `+expression+` } catch { return false } })()`, chromedp.WithPollingTimeout(time.Minute))); err != nil {
			words, _ := chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector('#head').innerText + document.querySelector('#banner').innerText`))
			return fmt.Errorf("the page never showed %s: %w: %q", what, err, words)
		}
		fmt.Printf("%s after %.1f s\n", what, time.Since(began).Seconds())
		return nil
	}
	for range rounds {
		for _, k := range []struct {
			of               *role
			name, told, then string
		}{{receiver, "the receiver", toldReceiver, unknown}, {broker, "the broker", toldBroker, unknown}} {
			if err := await("all well", nothingIsTold); err != nil {
				return err
			}
			time.Sleep(3 * time.Second) // of the stream
			k.of.kill()
			if err := await(k.name+" killed: told, and no state is known", k.told+" && "+k.then); err != nil {
				return err
			}
			if err := k.of.start(ctx); err != nil {
				return err
			}
		}
	}
	if err := await("all well", nothingIsTold); err != nil {
		return err
	}
	broadcasters.kill()
	time.Sleep(2 * time.Second) // what is on its way
	return compare(tab, page)
}

// compare holds the rows of the page to the messages of the API, and those to their numbers.
func compare(tab context.Context, page string) error {
	stored := map[int64]bool{}
	seqs := map[string]uint64{}
	missing := 0
	for after := int64(0); after >= 0; {
		resp, err := http.Get(fmt.Sprintf("%s/api/messages?after=%d&limit=1000", page, after))
		if err != nil {
			return err
		}
		var answer struct {
			Messages []struct {
				ID     int64  `json:"id"`
				Sender string `json:"sender"`
				Seq    uint64 `json:"seq"`
			} `json:"messages"`
			Next *int64 `json:"next"`
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err != nil {
			return err
		}
		for _, m := range answer.Messages {
			stored[m.ID] = true
			if m.Seq != seqs[m.Sender]+1 {
				missing++
			}
			seqs[m.Sender] = m.Seq
		}
		if after = -1; answer.Next != nil {
			after = *answer.Next
		}
	}
	ids, err := chromedp.Run(tab, chromedp.Evaluate[[]int64](seenIDs, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	absent := len(stored)
	for _, id := range ids {
		if stored[id] {
			absent--
		}
	}
	fmt.Printf("%d messages of %d senders are stored, %d out of order or missing; the page shows %d rows of them, %d are absent\n", len(stored), len(seqs), missing, len(ids), absent)
	if missing > 0 || absent > 0 || len(ids) != len(stored) {
		return fmt.Errorf("messages are missing or doubled")
	}
	return nil
}
