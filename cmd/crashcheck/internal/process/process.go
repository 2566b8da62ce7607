// Package process starts a gateway, waits until it is ready, and ends it in
// the ways that processes end. A gateway may run below strace, which makes
// system calls fail or kills the process at one of them.
package process

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// StartLimit is how long a gateway may take to become ready, as is promised.
const StartLimit = 10 * time.Second

// ErrEnded tells that the gateway ended before it was ready.
var ErrEnded = errors.New("the gateway ended before it was ready")

// Options say how to start a gateway.
type Options struct {
	Binary   string
	Data     string // data directory
	Scratch  string // an empty directory: working directory, home and temporary files
	Log      string // file that standard error is appended to
	Password string // of the administrator, for a first start
	Config   string // configuration file; none: no

	// Limit is how long it may take to become ready; 0: StartLimit. Below
	// strace it may take twice as long.
	Limit time.Duration

	// Inject are strace's inject expressions, such as
	// "fsync:error=EIO:when=3"; none: no strace. TraceLog is where strace
	// notes the calls that it was asked for.
	Inject   []string
	TraceLog string
}

// A Gateway is a process that was started.
type Gateway struct {
	URL   string        // where it listens
	Took  time.Duration // until it was ready
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of Wait; after ended
}

// Start starts a gateway and waits until it is ready. ErrEnded tells that it
// ended before.
func Start(ctx context.Context, opt Options) (*Gateway, error) {
	log, err := os.OpenFile(opt.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := append(opt.strace(), opt.Binary, "serve", "--data", opt.Data, "--listen", "127.0.0.1:0")
	if opt.Config != "" {
		args = append(args, "--config", opt.Config)
	}
	g := &Gateway{cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})} //nolint:noctx // ends on its own terms
	g.cmd.Dir, g.cmd.Stderr = opt.Scratch, log
	g.cmd.Env = []string{
		"ENTREPOT_ADMIN_PASSWORD=" + opt.Password, "HOME=" + opt.Scratch, "TMPDIR=" + opt.Scratch,
		"PATH=" + os.Getenv("PATH"), "GOTRACEBACK=all",
	}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- url
			}
		}
		g.err = g.cmd.Wait()
		close(g.ended)
	}()
	limit := cmp.Or(opt.Limit, StartLimit)
	if len(opt.Inject) > 0 {
		limit *= 2
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case g.URL = <-ready:
		g.Took = time.Since(start)
		return g, nil
	case <-g.ended:
		return g, fmt.Errorf("%w: %v", ErrEnded, g.err)
	case <-ctx.Done():
		g.Kill()
		return nil, ctx.Err()
	case <-timer.C:
		g.Kill()
		return nil, fmt.Errorf("the gateway was not ready after %v", limit)
	}
}

// strace is the command line before the gateway's own.
func (o Options) strace() []string {
	if len(o.Inject) == 0 {
		return nil
	}
	args := []string{"strace", "-f", "-qq", "-y", "-s", "0", "-e", "signal=none", "-o", o.TraceLog}
	var calls []string
	filtered := true
	for _, inject := range o.Inject {
		call, what, _ := strings.Cut(inject, ":")
		calls = append(calls, call)
		filtered = filtered && !strings.Contains(what, "signal=")
	}
	if filtered { // faster, but strace 6.1 then sends no signals
		args = append(args, "--seccomp-bpf")
	}
	args = append(args, "-e", "trace="+strings.Join(calls, ","))
	for _, inject := range o.Inject {
		args = append(args, "-e", "inject="+inject)
	}
	return args
}

// Pid returns the number of the process.
func (g *Gateway) Pid() int { return g.cmd.Process.Pid }

// Ended is closed when the process is gone.
func (g *Gateway) Ended() <-chan struct{} { return g.ended }

// Alive tells whether the process still runs.
func (g *Gateway) Alive() bool {
	select {
	case <-g.ended:
		return false
	default:
		return true
	}
}

// Kill ends the process and all its children at once, as kill -9 does, and
// waits until they are gone. A second Kill does nothing.
func (g *Gateway) Kill() {
	if g.Alive() {
		_ = syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL) // gone is what it should be
	}
	<-g.ended
}

// Stop asks the process to end, and kills it when it does not within the
// limit, which is an error. It must not run below strace.
func (g *Gateway) Stop(limit time.Duration) error {
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-g.ended:
		return g.err
	case <-timer.C:
		g.Kill()
		return fmt.Errorf("the gateway did not stop within %v", limit)
	}
}

// Command runs another command of the program on the data directory, such as
// "check", and returns what it printed.
func Command(ctx context.Context, opt Options, command ...string) (string, error) {
	args := append(command, "--data", opt.Data)
	cmd := exec.CommandContext(ctx, opt.Binary, args...)
	cmd.Dir = opt.Scratch
	cmd.Env = []string{"HOME=" + opt.Scratch, "TMPDIR=" + opt.Scratch, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Has tells whether the program has a command.
func Has(ctx context.Context, binary, command string) bool {
	out, err := exec.CommandContext(ctx, binary, "--help").CombinedOutput()
	return err == nil && strings.Contains(string(out), "\n  "+command+" ")
}

// Build builds the gateway of this module without cgo into a directory, and
// returns the path of the program.
func Build(ctx context.Context, module, dir string) (string, error) {
	path := filepath.Join(dir, "entrepot")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/entrepot")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return path, nil
}
