package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
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
			"gateway": startGateway,
			"put":     func(ts *testscript.TestScript, _ bool, args []string) { putFile(ts, args) },
			"value":   keepOutput,
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

// keepOutput is "value NAME": the last output, without its line end, in $NAME.
func keepOutput(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: value NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
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
