package process_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"entrepot/cmd/crashcheck/internal/process"
)

// program writes a shell script that stands for the gateway.
func program(t *testing.T, script string) process.Options {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	return process.Options{Binary: path, Data: dir, Scratch: dir, Log: filepath.Join(dir, "log"), Password: "p", Limit: time.Minute}
}

func TestStartWaitsForTheReadyLine(t *testing.T) {
	g, err := process.Start(t.Context(), program(t, "echo hello\necho ready http://there\nexec sleep 60\n"))
	if err != nil || g.URL != "http://there" || !g.Alive() {
		t.Fatalf("%+v, %v", g, err)
	}
	g.Kill()
	g.Kill()
	if g.Alive() {
		t.Error("alive after kill -9")
	}
}

func TestStartReportsAProgramThatEnds(t *testing.T) {
	opt := program(t, "echo the reason >&2\nexit 1\n")
	if _, err := process.Start(t.Context(), opt); !errors.Is(err, process.ErrEnded) {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(opt.Log); err != nil || string(text) != "the reason\n" {
		t.Errorf("log %q, %v", text, err)
	}
}

func TestStopIsAnErrorWhenItTakesTooLong(t *testing.T) {
	g, err := process.Start(t.Context(), program(t, "trap '' TERM\necho ready x\nwhile :; do sleep 0.05; done\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Stop(100 * time.Millisecond); err == nil || g.Alive() {
		t.Errorf("%v, alive %v", err, g.Alive())
	}
	g, err = process.Start(t.Context(), program(t, "echo ready x\nexec sleep 60\n"))
	if err != nil {
		t.Fatal(err)
	}
	_ = g.Stop(5 * time.Second) // sh reports the signal
	if g.Alive() {
		t.Error("alive after SIGTERM")
	}
}
