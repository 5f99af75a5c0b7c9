//go:build ignore

package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"
)

const (
	columns, lines = 106, 33
	waiting        = 20 * time.Second // until there is something to see
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "hellox-picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "hellox")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/hellox").CombinedOutput(); err != nil {
		return fmt.Errorf("build hellox: %w\n%s", err, out)
	}
	env := append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"),
		"TERM=xterm-256color", "COLORTERM=truecolor", "HELLOX_BACKGROUND=dark")
	hellox := func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = env
		return cmd
	}
	out, err := hellox("up", "--target", "local", "--broadcasters", "4", "--detach", "--web-port", "0", "--mqtt-port", "0").CombinedOutput()
	if err != nil {
		return fmt.Errorf("up: %w\n%s", err, out)
	}
	defer hellox("down").Run()
	page := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(string(out))
	time.Sleep(waiting)
	for _, text := range []string{"Hello back", `{"temp": 21.5, "unit": "°C"}`} {
		if out, err := hellox("publish", text).CombinedOutput(); err != nil {
			return fmt.Errorf("publish: %w\n%s", err, out)
		}
	}
	screen, err := watch(hellox("watch"))
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	return paint(screen, page, dir)
}

// watch runs hellox watch in a terminal of its own and returns its screen as HTML.
func watch(cmd *exec.Cmd) (string, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer master.Close()
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return "", err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return "", err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: lines, Col: columns}); err != nil {
		return "", err
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if err := cmd.Start(); err != nil {
		return "", err
	}
	slave.Close()
	chunks := make(chan string, 1000)
	go func() {
		defer close(chunks)
		for buf := make([]byte, 64<<10); ; {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			chunks <- string(buf[:n])
		}
	}()
	var written strings.Builder
	for end := time.After(12 * time.Second); ; {
		select {
		case c := <-chunks:
			written.WriteString(c)
			continue
		case <-end:
		}
		break
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return draw(written.String()), nil
}

type cell struct{ text, style string }

var control = regexp.MustCompile(`^\x1b(?:\[([0-9;?<>=]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78])`)

// draw plays what was written to the terminal and returns its last screen.
func draw(s string) string {
	var screen [lines][columns]cell
	style, row, col := sgr{}, 0, 0
	for s != "" {
		if m := control.FindStringSubmatch(s); m != nil {
			s = s[len(m[0]):]
			n, err := strconv.Atoi(m[1])
			if err != nil {
				n = 1
			}
			switch m[2] {
			case "m":
				style.apply(m[1])
			case "H":
				var r, c = 1, 1
				fmt.Sscanf(m[1], "%d;%d", &r, &c)
				row, col = r-1, c-1
			case "A":
				row -= n
			case "B":
				row += n
			case "C":
				col += n
			case "D":
				col -= n
			case "G":
				col = n - 1
			case "K":
				for c := max(col, 0); c < columns; c++ {
					screen[row][c] = cell{}
				}
			case "J":
				for r := row; r < lines; r++ {
					screen[r] = [columns]cell{}
				}
			}
			row, col = min(max(row, 0), lines-1), min(max(col, 0), columns)
			continue
		}
		r := []rune(s[:min(len(s), 4)])[0]
		text := string(r)
		s = s[len(text):]
		switch {
		case r == '\r':
			col = 0
		case r == '\n':
			row = min(row+1, lines-1)
		case r >= ' ' && col < columns:
			screen[row][col] = cell{text, style.css()}
			col++
		}
	}
	return markup(&screen)
}

// markup returns the screen as HTML.
func markup(screen *[lines][columns]cell) string {
	var b strings.Builder
	for _, line := range screen {
		for _, c := range line {
			if c.text == "" {
				c.text = " "
			}
			fmt.Fprintf(&b, `<span style="%s">%s</span>`, c.style, html.EscapeString(c.text))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// sgr is what "select graphic rendition" has selected.
type sgr struct {
	front, back                   string
	bold, faint, italic, inverted bool
}

var basic = strings.Fields("#000 #c94f4f #6a9f4f #c9a227 #4f7fc9 #a05fb0 #3f9f9f #cfcfcf #6f6f6f #f07070 #90d070 #f0d050 #70a0f0 #d080e0 #60d0d0 #fff")

func (g *sgr) apply(codes string) {
	words := strings.Split(codes, ";")
	for i := 0; i < len(words); i++ {
		n, _ := strconv.Atoi(words[i])
		switch {
		case n == 0:
			*g = sgr{}
		case n == 1:
			g.bold = true
		case n == 2:
			g.faint = true
		case n == 3:
			g.italic = true
		case n == 7:
			g.inverted = true
		case n == 22:
			g.bold, g.faint = false, false
		case n == 27:
			g.inverted = false
		case n >= 30 && n <= 37:
			g.front = basic[n-30]
		case n >= 90 && n <= 97:
			g.front = basic[n-82]
		case n >= 40 && n <= 47:
			g.back = basic[n-40]
		case n == 39:
			g.front = ""
		case n == 49:
			g.back = ""
		case (n == 38 || n == 48) && i+1 < len(words):
			colour := ""
			if words[i+1] == "2" && i+4 < len(words) {
				colour = fmt.Sprintf("rgb(%s)", strings.Join(words[i+2:i+5], ","))
				i += 4
			} else if i+2 < len(words) {
				colour = indexed(words[i+2])
				i += 2
			}
			if n == 38 {
				g.front = colour
			} else {
				g.back = colour
			}
		}
	}
}

// indexed is one of xterm's 256 colours.
func indexed(word string) string {
	n, _ := strconv.Atoi(word)
	switch {
	case n < 16:
		return basic[n]
	case n < 232:
		level := func(v int) int { return []int{0, 95, 135, 175, 215, 255}[v] }
		n -= 16
		return fmt.Sprintf("rgb(%d,%d,%d)", level(n/36), level(n/6%6), level(n%6))
	}
	grey := 8 + 10*(n-232)
	return fmt.Sprintf("rgb(%d,%d,%d)", grey, grey, grey)
}

func (g *sgr) css() string {
	front, back := g.front, g.back
	if g.inverted {
		front, back = back, front
		if front == "" {
			front = "#16181d"
		}
		if back == "" {
			back = "#d7dae0"
		}
	}
	var b strings.Builder
	for _, p := range [][2]string{{"color", front}, {"background", back}} {
		if p[1] != "" {
			fmt.Fprintf(&b, "%s:%s;", p[0], p[1])
		}
	}
	if g.bold {
		b.WriteString("font-weight:bold;")
	}
	if g.faint {
		b.WriteString("opacity:.65;")
	}
	if g.italic {
		b.WriteString("font-style:italic;")
	}
	return b.String()
}

// paint takes a picture of the page, puts it beside the screen and writes the file.
func paint(screen, page, dir string) error {
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true))
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(900, 620), chromedp.Navigate(page), chromedp.Sleep(5*time.Second)); err != nil {
		return err
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	both := filepath.Join(dir, "both.html")
	if err := os.WriteFile(both, []byte(`<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 16px; background: #2b2f38; display: flex; gap: 16px; width: max-content; align-items: center }
pre, img { margin: 0; border-radius: 6px; box-shadow: 0 4px 16px #0008 }
pre { padding: 10px; background: #16181d; color: #d7dae0; font: 13px/18px "DejaVu Sans Mono", monospace }
</style><pre>`+screen+`</pre><img src="data:image/png;base64,`+base64.StdEncoding.EncodeToString(shot)+`">`), 0o600); err != nil {
		return err
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1796, 652), chromedp.Navigate("file://"+both)); err != nil {
		return err
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("docs", "pictures", "hellox.png"), picture, 0o666)
}
