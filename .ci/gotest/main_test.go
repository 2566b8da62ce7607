package main

import (
	"strings"
	"testing"
)

// play gives events to a report and returns what it prints.
func play(t *testing.T, events ...string) (*report, string) {
	t.Helper()
	var out strings.Builder
	r := newReport(&out)
	if err := r.read(strings.NewReader(strings.Join(events, "\n"))); err != nil {
		t.Fatal(err)
	}
	r.close()
	return r, out.String()
}

func TestPrintsWhatFailedAndNothingOfWhatPassed(t *testing.T) {
	_, got := play(t,
		`{"Action":"output","Package":"p","Test":"TestGood","Output":"chatter\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestGood","Elapsed":0.5}`,
		`{"Action":"output","Package":"p","Test":"TestBad","Output":"    a_test.go:1: broken\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestBad","Elapsed":1}`,
		`{"Action":"fail","Package":"p","Elapsed":2}`)
	want := "    a_test.go:1: broken\nFAIL  p  2.0s\nslow: 1.0s p TestBad\nslow: 0.5s p TestGood\ntotal: 1 passed, 1 failed, 0 skipped\n"
	if got != want {
		t.Errorf("printed\n%swant\n%s", got, want)
	}
}

func TestPrintsWhyTestsWereSkipped(t *testing.T) {
	_, got := play(t,
		`{"Action":"output","Package":"p","Test":"TestX","Output":"=== RUN   TestX\n"}`,
		`{"Action":"output","Package":"p","Test":"TestX","Output":"    x_test.go:3: needs rclone\n"}`,
		`{"Action":"output","Package":"p","Test":"TestX","Output":"--- SKIP: TestX (0.00s)\n"}`,
		`{"Action":"skip","Package":"p","Test":"TestX"}`,
		`{"Action":"pass","Package":"p","Elapsed":0.1}`)
	if !strings.Contains(got, "skipped: p TestX: x_test.go:3: needs rclone\n") || !strings.HasSuffix(got, "total: 0 passed, 0 failed, 1 skipped\n") {
		t.Errorf("printed\n%s", got)
	}
}

func TestPackageThatBreaksOffCountsAsFailureAndShowsItsOutput(t *testing.T) {
	for name, events := range map[string][]string{
		"does not build": {
			`{"ImportPath":"p","Action":"build-output","Output":"p.go:1: syntax error\n"}`,
			`{"ImportPath":"p","Action":"build-fail"}`,
			`{"Action":"fail","Package":"p","FailedBuild":"p"}`,
		},
		"ends inside a test": {
			`{"Action":"output","Package":"p","Test":"TestX","Output":"p.go:1: syntax error\n"}`,
			`{"Action":"fail","Package":"p"}`,
		},
		"is no event": {
			`p.go:1: syntax error`,
			`{"Action":"fail","Package":"p"}`,
		},
	} {
		r, got := play(t, events...)
		if r.failed != 1 || strings.Count(got, "p.go:1: syntax error\n") != 1 || !strings.Contains(got, "FAIL  p") {
			t.Errorf("%s: %d failed, printed\n%s", name, r.failed, got)
		}
	}
}
