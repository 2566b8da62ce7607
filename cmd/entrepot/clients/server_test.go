package clients_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// adminPassword is the password of the user admin in these tests.
const adminPassword = "correct horse battery staple"

// trouble is what no log of a sound gateway has.
var trouble = regexp.MustCompile(`^panic:|^goroutine \d+ \[|^fatal error:|DATA RACE|level=ERROR`)

// setting says how to start a gateway; the zero value is a new store and the
// administrator's password from the environment.
type setting struct {
	data     string   // data directory; "" makes one
	env      []string // further environment
	args     []string // further arguments of serve
	wrap     []string // program and arguments to run the gateway under
	password string   // "": adminPassword; "-": none, so that the gateway makes one
}

// server is a gateway in a process of its own.
type server struct {
	t    *testing.T
	url  string // http://127.0.0.1:PORT
	data string

	client *http.Client // what expect asks with
	ca     string       // file with the authority of its certificate; "": no TLS

	cmd    *exec.Cmd
	logs   *log
	exited chan struct{} // closed when the process has ended and err is set
	err    error

	scribbled atomic.Int64 // files that scribble was told are stored
}

// start runs entrepot serve on a free port and waits for the line that says it
// is ready. At the end of the test it is stopped, and its log judged.
func start(t *testing.T, set setting) *server {
	t.Helper()
	if set.data == "" {
		set.data = filepath.Join(t.TempDir(), "data")
	}
	s := &server{t: t, data: set.data, client: &http.Client{Transport: &http.Transport{}}, logs: &log{}, exited: make(chan struct{})}
	argv := append(append([]string{}, set.wrap...), binary, "serve", "--data", set.data, "--listen", "127.0.0.1:0")
	argv = append(argv, set.args...)
	s.cmd = exec.Command(argv[0], argv[1:]...)
	s.cmd.Env = append(cleanEnv(), set.env...)
	switch set.password {
	case "":
		s.cmd.Env = append(s.cmd.Env, "ENTREPOT_ADMIN_PASSWORD="+adminPassword)
	case "-":
	default:
		s.cmd.Env = append(s.cmd.Env, "ENTREPOT_ADMIN_PASSWORD="+set.password)
	}
	ready := make(chan string, 1)
	s.cmd.Stdout = &lineWriter{to: s.logs, line: func(line string) {
		if url, ok := strings.CutPrefix(line, "ready "); ok {
			ready <- url
		}
	}}
	s.cmd.Stderr = s.logs
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() { s.end() })
	select {
	case s.url = <-ready:
	case <-s.exited:
		t.Fatalf("the gateway ended at its start: %v\n%s", s.err, s.logs)
	case <-time.After(patience):
		t.Fatalf("the gateway was not ready in %v\n%s", patience, s.logs)
	}
	return s
}

// end stops a server that still runs and judges its log.
func (s *server) end() {
	s.t.Helper()
	if !s.over() {
		s.stop()
	}
	for _, line := range lines(s.logs.String()) {
		// A full depot answers 507 over WebDAV; that is no fault of the gateway.
		if trouble.MatchString(line) && !strings.Contains(line, `kind="over quota"`) {
			s.t.Errorf("the gateway's log has %q", line)
		}
	}
	if s.t.Failed() {
		s.t.Logf("the end of the gateway's log:\n%s", s.logs.tail(8000))
	}
}

func (s *server) over() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// stop ends the gateway as an operator does and expects success.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Errorf("SIGTERM: %v", err)
	}
	select {
	case <-s.exited:
		if s.err != nil {
			s.t.Errorf("the gateway ended with %v after SIGTERM", s.err)
		}
	case <-time.After(patience):
		s.kill()
		s.t.Errorf("the gateway had not stopped %v after SIGTERM", patience)
	}
}

// kill ends the gateway as a crash does.
func (s *server) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("SIGKILL: %v", err)
	}
	<-s.exited
}

// printed is what the gateway printed up to the line that says it is ready,
// and what it logged meanwhile.
func (s *server) printed() string { return s.logs.String() }

// entrepot runs another command of the program and returns what it printed on
// standard output.
func (s *server) entrepot(stdin string, args ...string) string {
	s.t.Helper()
	return command{stdin: stdin, args: append([]string{binary}, append(args, "--data", s.data)...)}.must(s.t)
}

// addUser makes a login with a password.
func (s *server) addUser(name, account, role, password string) {
	s.t.Helper()
	s.entrepot(password+"\n", "user", "add", name, "--account", account, "--role", role, "--password-file", "-")
}

// salt is the depot API's secret.
func (s *server) salt() string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.data, "secrets", "depot.salt"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// cleanEnv is the environment without the settings of a gateway and of the
// clients.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "ENTREPOT_") || strings.HasPrefix(name, "ST_") || strings.HasPrefix(name, "OS_") ||
			strings.HasPrefix(name, "RCLONE_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			continue
		}
		env = append(env, v)
	}
	return env
}

// log is what processes wrote. Its methods may be called at any time.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) tail(n int) string {
	s := l.String()
	return s[max(0, len(s)-n):]
}

// lineWriter hands on what is written, and each whole line to a function.
type lineWriter struct {
	to   io.Writer
	rest string
	line func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.rest += string(p)
	for {
		line, rest, ok := strings.Cut(w.rest, "\n")
		if !ok {
			return n, err
		}
		w.rest = rest
		w.line(line)
	}
}

// command is a program to run to its end.
type command struct {
	args  []string
	dir   string
	env   []string
	stdin string
	limit time.Duration // default patience
}

// run returns standard output, standard error and the exit code. A program
// that cannot be started or does not end fails the test.
func (c command) run(t *testing.T) (stdout, stderr string, code int) {
	t.Helper()
	if c.limit == 0 {
		c.limit = patience
	}
	ctx, cancel := context.WithTimeout(t.Context(), c.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(cleanEnv(), c.env...)
	cmd.Stdin = strings.NewReader(c.stdin)
	cmd.WaitDelay = time.Minute
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s: not over after %v\n%s%s", c, c.limit, out.String(), errs.String())
	case err != nil && !errors.As(err, &exit):
		t.Fatalf("%s: %v", c, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must is run for a program that has to succeed.
func (c command) must(t *testing.T) (stdout string) {
	t.Helper()
	out, errs, code := c.run(t)
	if code != 0 {
		t.Fatalf("%s: exit code %d\n%s%s", c, code, last(out, 4000), last(errs, 4000))
	}
	return out
}

// fails is run for a program that has to fail; it returns all that it printed.
func (c command) fails(t *testing.T) (printed string) {
	t.Helper()
	out, errs, code := c.run(t)
	if code == 0 {
		t.Fatalf("%s: succeeded\n%s%s", c, last(out, 4000), last(errs, 4000))
	}
	return out + errs
}

func (c command) String() string { return strings.Join(c.args, " ") }

func last(s string, n int) string { return s[max(0, len(s)-n):] }

// lines splits text into its lines without the last, empty one.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.TrimSuffix(line, "\n"))
	}
	return out
}

// need skips the test when a program is missing, or fails it where the
// programs are to be there.
func need(t *testing.T, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	missing(t, fmt.Sprintf("%s (Debian package %s)", program, debianPackage))
}

// missing skips the test for want of something, or fails it where the
// programs are to be there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("TEST_CLIENTS") == "require" {
		t.Fatal("this test needs " + what)
	}
	t.Skip("this test needs " + what)
}
