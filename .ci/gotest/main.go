// Command gotest runs "go test" with the arguments that it is given and prints
// what people want to know: a line for each package, all output of what
// failed, the reason of each skipped test, the slowest tests, and a closing
// line
//
//	total: 1234 passed, 0 failed, 2 skipped
//
// which counts tests and subtests; a package that does not build or breaks off
// counts as one failure. The exit code is that of go test.
//
//	go run .ci/gotest/main.go [arguments of go test]
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// slowest is how many of the slowest tests are shown.
const slowest = 5

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(2)
	}
	r := newReport(os.Stdout)
	err = r.read(out)
	waited := cmd.Wait()
	r.close()
	var exit *exec.ExitError
	switch {
	case errors.As(waited, &exit):
		os.Exit(max(1, exit.ExitCode()))
	case waited != nil || err != nil:
		fmt.Fprintln(os.Stderr, "gotest:", errors.Join(err, waited))
		os.Exit(2)
	case r.failed > 0:
		os.Exit(1)
	}
}

// event is a line of go test -json.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// test names one test; Test is empty for what belongs to the package.
type test struct{ pkg, name string }

type timed struct {
	test
	seconds float64
}

// report follows the events of one run.
type report struct {
	to                      io.Writer
	passed, failed, skipped int
	output                  map[test]*strings.Builder
	broken                  map[string]bool // packages of which a test failed
	skips                   []string
	times                   []timed
}

func newReport(to io.Writer) *report {
	return &report{to: to, output: map[test]*strings.Builder{}, broken: map[string]bool{}}
}

// read takes events until the stream ends. Lines that are none are printed.
func (r *report) read(from io.Reader) error {
	in := bufio.NewReader(from)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(r.to, "%s", line)
			} else {
				r.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.to, e.Output)
	case "output":
		id := test{e.Package, e.Test}
		if r.output[id] == nil {
			r.output[id] = &strings.Builder{}
		}
		r.output[id].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e)
		}
	}
}

func (r *report) endTest(e event) {
	id := test{e.Package, e.Test}
	text := r.text(id)
	r.times = append(r.times, timed{id, e.Elapsed})
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("skipped: %s %s: %s", e.Package, e.Test, reason(text)))
	case "fail":
		r.failed++
		r.broken[e.Package] = true
		fmt.Fprint(r.to, text)
	}
}

func (r *report) endPackage(e event) {
	text := r.text(test{e.Package, ""})
	switch {
	case e.Action == "pass":
		fmt.Fprintf(r.to, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
	case e.Action == "skip":
	default:
		if !r.broken[e.Package] {
			r.failed++ // it did not build, or ended outside a test
		}
		r.unfinished(e.Package)
		fmt.Fprintf(r.to, "%sFAIL  %s  %.1fs\n", text, e.Package, e.Elapsed)
	}
}

// unfinished prints what tests wrote that were running when their package
// ended.
func (r *report) unfinished(pkg string) {
	for id := range r.output {
		if id.pkg == pkg {
			fmt.Fprint(r.to, r.text(id))
		}
	}
}

// text returns the output kept for a test and forgets it.
func (r *report) text(id test) string {
	b := r.output[id]
	delete(r.output, id)
	if b == nil {
		return ""
	}
	return b.String()
}

// reason is the line of a skipped test's output that says why.
func reason(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}

// close prints the skipped tests, the slowest, and the closing line.
func (r *report) close() {
	slices.SortFunc(r.times, func(a, b timed) int { return cmp.Compare(b.seconds, a.seconds) })
	for _, t := range r.times[:min(slowest, len(r.times))] {
		fmt.Fprintf(r.to, "slow: %.1fs %s %s\n", t.seconds, t.pkg, t.name)
	}
	for _, s := range r.skips {
		fmt.Fprintln(r.to, s)
	}
	fmt.Fprintf(r.to, "total: %d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}
