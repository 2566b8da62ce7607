package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"entrepot": main})
}

// TestScripts runs the scripts of testdata: what operators type, and what they
// see and scripts get.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"gateway":  startGateway,
			"put":      func(ts *testscript.TestScript, _ bool, args []string) { putFile(ts, args) },
			"value":    keepOutput,
			"exitcode": func(ts *testscript.TestScript, neg bool, args []string) { wantExitCode(ts, args) },
		},
	})
}

// startGateway is "gateway DIR": a gateway on a free port of the loopback
// interface, whose address is put into $URL.
func startGateway(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: gateway DIR")
	}
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		env := []string{"ENTREPOT_ADMIN_PASSWORD=secret"}
		code := run(ctx, []string{"serve", "--data", ts.MkAbs(args[0]), "--listen", "127.0.0.1:0"}, env, strings.NewReader(""), in, io.Discard)
		_ = in.Close() // a pipe's always succeeds
		ended <- code
	}()
	ts.Defer(func() {
		stop()
		if code := <-ended; code != exitOK {
			ts.Logf("the gateway ended with %d", code)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			ts.Setenv("URL", url)
			ts.Setenv("LISTEN", strings.TrimPrefix(url, "http://"))
			go func() { _, _ = io.Copy(io.Discard, out) }() // until the pipe is closed
			return
		}
	}
	ts.Fatalf("the gateway was not ready: exit code %d", <-ended)
}

// wantExitCode is "exitcode N ARGUMENTS...": entrepot ends with N, and says why
// unless N is 0.
func wantExitCode(ts *testscript.TestScript, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exitcode N ARGUMENTS...")
	}
	err := ts.Exec("entrepot", args[1:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("entrepot %s ended with %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
	if said := ts.ReadFile("stderr"); got != 0 && !strings.HasPrefix(said, "entrepot: ") {
		ts.Fatalf("entrepot says nothing of its failure: %q", said)
	}
}

// keepOutput is "value NAME [PATTERN]": the last output, without its line end,
// or the first group of a regular expression in it, in $NAME.
func keepOutput(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: value NAME [PATTERN]")
	}
	text := strings.TrimSpace(ts.ReadFile("stdout"))
	if len(args) == 2 {
		found := regexp.MustCompile(args[1]).FindStringSubmatch(text)
		if len(found) < 2 {
			ts.Fatalf("%s does not match %q", args[1], text)
		}
		text = found[1]
	}
	ts.Setenv(args[0], text)
}

// putFile is "put PATH TEXT": writes a file of the script's directory without
// a line end.
func putFile(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: put PATH TEXT")
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(args[1]), 0o600))
}
