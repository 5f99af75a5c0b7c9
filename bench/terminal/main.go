package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hellox/bench/rig"
)

// A bench is one broker and what is measured at it.
type bench struct {
	hellox  string
	count   int
	rate    int
	steady  time.Duration
	memory  string
	broker  *rig.Broker
	failing []string // what is not as it should be
}

func main() {
	b := bench{}
	flag.StringVar(&b.hellox, "hellox", "", "the hellox to measure (default: built from this tree)")
	flag.IntVar(&b.count, "n", 400_000, "messages of the burst")
	flag.IntVar(&b.rate, "rate", 20_000, "messages a second of the steady flood")
	flag.DurationVar(&b.steady, "for", 2*time.Minute, "how long the steady flood takes")
	flag.StringVar(&b.memory, "memory", "64MiB", "--memory of watch")
	flag.Parse()
	rig.Main(b.run)
	if len(b.failing) > 0 {
		fmt.Println("not as it should be: " + strings.Join(b.failing, "; "))
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-terminal")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.hellox, err = rig.Program(ctx, b.hellox, dir); err != nil {
		return err
	}
	if b.broker, err = rig.Start(ctx, dir); err != nil {
		return err
	}
	defer b.broker.Close()
	for _, step := range []func(context.Context) error{b.start, b.burst, b.others, b.flood} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// watch starts hellox watch on a terminal.
func (b *bench) watch(ctx context.Context) (*terminal, error) {
	return open(ctx, b.hellox, "watch", b.broker.URL(), "--memory", b.memory)
}

// start measures the time to the first frame.
func (b *bench) start(ctx context.Context) error {
	var all []time.Duration
	for range 10 {
		began := time.Now()
		t, err := b.watch(ctx)
		if err != nil {
			return err
		}
		at, err := t.see("1 stream")
		if err != nil {
			return err
		}
		all = append(all, at.Sub(began))
		t.press("q")
		if _, err := t.wait(); err != nil {
			return err
		}
	}
	slices.Sort(all)
	fmt.Printf("start to first frame: median %s, slowest of %d %s\n", ms(all[len(all)/2]), len(all), ms(all[len(all)-1]))
	return nil
}

// burst publishes messages as fast as they go.
func (b *bench) burst(ctx context.Context) error {
	t, err := b.watch(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	if _, err := t.count("recv", 1); err != nil { // the retained one: it is subscribed
		return err
	}
	began := time.Now()
	if err := b.broker.Publish(ctx, b.count, 0, 0); err != nil {
		return err
	}
	at, err := t.count("recv", b.count+1)
	if err != nil {
		return err
	}
	t.press("q")
	u, err := t.wait()
	if err != nil {
		return err
	}
	fmt.Printf("hellox watch, %d messages: %.0f a second, none lost; %.2f s of CPU a million; %d MiB at most\n",
		b.count, float64(b.count)/at.Sub(began).Seconds(), u.CPU.Seconds()*1e6/float64(b.count), u.Peak>>10)
	return nil
}

// lines measures a program that writes a line for each message, and returns the
// seconds of CPU a million take.
func (b *bench) lines(ctx context.Context, name string, args ...string) (float64, error) {
	sub := exec.CommandContext(ctx, name, args...)
	if err := sub.Start(); err != nil {
		return 0, err
	}
	time.Sleep(500 * time.Millisecond) // it does not report that it has subscribed
	began := time.Now()
	if err := b.broker.Publish(ctx, b.count, 0, 0); err != nil {
		return 0, err
	}
	if err := sub.Wait(); err != nil {
		return 0, err
	}
	took, u := time.Since(began), rig.UsageOf(sub.ProcessState)
	cpu := u.CPU.Seconds() * 1e6 / float64(b.count)
	fmt.Printf("%s, %d messages: %.0f a second, none lost; %.2f s of CPU a million; %d MiB at most\n",
		filepath.Base(name)+map[bool]string{true: " json"}[name == b.hellox], b.count, float64(b.count)/took.Seconds(), cpu, u.Peak>>10)
	return cpu, nil
}

// others measures hellox watch --output json and the programs beside it.
func (b *bench) others(ctx context.Context) error {
	count := fmt.Sprint(b.count + 1) // the retained one is the first
	json, err := b.lines(ctx, b.hellox, "watch", b.broker.URL(), "--output", "json", "--count", count)
	if err != nil {
		return err
	}
	sub, err := b.lines(ctx, "mosquitto_sub", "-p", b.broker.Port, "-t", "#", "-F", "%j", "-C", count)
	if err != nil {
		return err
	}
	fmt.Printf("json takes %.2f times the CPU of mosquitto_sub\n", json/sub)
	b.want(json <= 0.8*sub, "json takes more than 0.8 times the CPU of mosquitto_sub")
	path, err := exec.LookPath("mqttui")
	if err != nil {
		fmt.Println("mqttui is not on the PATH (cargo install mqttui): not measured")
		return nil
	}
	t, err := open(ctx, path, "--broker", b.broker.URL())
	if err != nil {
		return err
	}
	defer t.close()
	time.Sleep(time.Second)
	if err := b.broker.Publish(ctx, b.count, 0, 0); err != nil {
		return err
	}
	time.Sleep(3 * time.Second) // it does not tell how many it has
	t.press("q")
	u, err := t.wait()
	fmt.Printf("mqttui, %d messages: %.2f s of CPU a million; %d MiB at most; what it lost is not told\n", b.count, u.CPU.Seconds()*1e6/float64(b.count), u.Peak>>10)
	return err
}

// flood publishes steadily, and presses keys meanwhile.
func (b *bench) flood(ctx context.Context) error {
	t, err := b.watch(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	if _, err := t.count("recv", 1); err != nil {
		return err
	}
	total := int(b.steady.Seconds()) * b.rate
	published := make(chan error, 1)
	go func() { published <- b.broker.Publish(ctx, total, b.rate, 0) }()
	var keys []time.Duration
	var memory []int64
	for end := time.Now().Add(b.steady - time.Second); time.Now().Before(end); {
		took, err := t.key("?", "ctrl+z suspend")
		if err != nil {
			return err
		}
		keys = append(keys, took)
		if took, err = t.key("\x1b", "/ filter"); err != nil {
			return err
		}
		keys = append(keys, took)
		memory = append(memory, t.resident())
		time.Sleep(100 * time.Millisecond)
	}
	if err := <-published; err != nil {
		return err
	}
	if _, err := t.count("recv", total+1); err != nil {
		return err
	}
	time.Sleep(1500 * time.Millisecond) // the totals are read each second
	held, evicted := t.number("held"), t.number("evicted")
	pressed := time.Now()
	t.press("q")
	u, err := t.wait()
	if err != nil {
		return err
	}
	quit := time.Since(pressed)
	slices.Sort(keys)
	p99 := keys[len(keys)*99/100]
	// Memory fills at first; what it does after that counts.
	third, last := peak(memory[len(memory)/3:2*len(memory)/3]), peak(memory[2*len(memory)/3:])
	fmt.Printf("flood of %d a second for %s: key to frame p50 %s, p99 %s, slowest %s of %d; %.2f s of CPU a million\n",
		b.rate, b.steady, ms(keys[len(keys)/2]), ms(p99), ms(keys[len(keys)-1]), len(keys), u.CPU.Seconds()*1e6/float64(total))
	fmt.Printf("  memory %d MiB in the second third, %d MiB in the last; received %d = held %d + evicted %d; q took %s\n",
		third>>10, last>>10, total+1, held, evicted, ms(quit))
	b.want(p99 <= 50*time.Millisecond, "a key takes longer than 50 ms")
	b.want(quit <= 100*time.Millisecond, "q takes longer than 100 ms")
	b.want(held+evicted == total+1, "received is not held + evicted")
	b.want(last <= third+third/10, "memory grows")
	return nil
}

func (b *bench) want(is bool, otherwise string) {
	if !is {
		b.failing = append(b.failing, otherwise)
	}
}

func peak(all []int64) (n int64) {
	for _, m := range all {
		n = max(n, m)
	}
	return n
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }

var errEnded = errors.New("the program has ended")
