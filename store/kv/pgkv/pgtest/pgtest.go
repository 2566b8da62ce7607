// Package pgtest runs a PostgreSQL server for tests: a fresh cluster in a
// scratch directory, on a free port of the loopback interface, durable as in
// production (fsync on), with a random password.
//
// It needs the server's programs initdb and postgres, which Debian installs
// with the package postgresql (or postgresql-15 and later). Where they are
// missing a test that asks for a server is skipped with the name of the
// package; with TEST_CLIENTS=require it fails instead.
package pgtest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Package is the Debian package that holds the server.
const Package = "postgresql"

// startTimeout is how long a server may take until it accepts connections.
const startTimeout = 5 * time.Minute

// errMissing: the server's programs are not installed.
var errMissing = errors.New("initdb is not installed: it comes with the Debian package " + Package)

// A Cluster is a PostgreSQL server with one empty database.
type Cluster struct {
	bin, dir string
	port     int
	password string
	as       *syscall.Credential // nil: ourselves

	mu    sync.Mutex
	run   *exec.Cmd
	stdin io.WriteCloser
}

// Start makes and starts a cluster that ends with the test. Skips the test
// where no server is installed.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	dir := scratch(tb)
	c, err := New(dir)
	Need(tb, err)
	tb.Cleanup(c.Close)
	return c
}

// Need ends the test because of an error of New: skips it where no server is
// installed and none is required.
func Need(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errMissing) && os.Getenv("TEST_CLIENTS") != "require":
		tb.Skip(err)
	default:
		tb.Fatal(err)
	}
}

// scratch returns a directory that the server's user can reach.
func scratch(tb testing.TB) string {
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// New makes and starts a cluster in an empty directory.
func New(dir string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: filepath.Join(dir, "data"), password: rand.Text()}
	if err := c.drop(dir); err != nil {
		return nil, err
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(c.password), 0o600); err != nil {
		return nil, err
	}
	if err := c.own(secret); err != nil {
		return nil, err
	}
	init := c.command("initdb", "-D", c.dir, "-U", "postgres", "-A", "md5", "--pwfile", secret,
		"-E", "UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if c.port, err = freePort(); err != nil {
		return nil, err
	}
	return c, c.Start()
}

// programs returns the directory of the newest installed server.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4]) // a name that is no number sorts first
		return n
	}
	sort.Slice(found, func(i, j int) bool { return version(found[i]) < version(found[j]) })
	if n := len(found); n > 0 {
		return filepath.Dir(found[n-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errMissing
}

// drop chooses who the server runs as: it refuses to be root.
func (c *Cluster) drop(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return fmt.Errorf("the server cannot run as root: %w", err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return err
	}
	c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return c.own(dir)
}

// own gives a file to the server's user.
func (c *Cluster) own(path string) error {
	if c.as == nil {
		return nil
	}
	return os.Chown(path, int(c.as.Uid), int(c.as.Gid))
}

// command returns a command of the server's, run by its user.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	return c.prepare(exec.Command(filepath.Join(c.bin, name), args...))
}

func (c *Cluster) prepare(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = filepath.Dir(c.dir)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Setpgid: true}
	return cmd
}

// freePort returns a port of the loopback interface that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// keeper runs the server until a line comes in, the name of a signal to end
// it with, or until the tests are gone, however they ended.
const keeper = `"$@" </dev/null & server=$!; read -r signal; kill -s "${signal:-QUIT}" $server; wait $server`

// Start starts a stopped server and waits until it accepts connections.
// settings are further name=value pairs of its configuration.
func (c *Cluster) Start(settings ...string) error {
	args := []string{"-c", keeper, "keeper", filepath.Join(c.bin, "postgres"), "-D", c.dir}
	for _, s := range append([]string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(c.port), "unix_socket_directories=",
		"max_connections=300", "shared_buffers=128MB",
	}, settings...) {
		args = append(args, "-c", s)
	}
	log, err := os.OpenFile(c.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := c.prepare(exec.Command("/bin/sh", args...))
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.mu.Lock()
	c.run, c.stdin = cmd, stdin
	c.mu.Unlock()
	return c.ready()
}

// ready waits until the server accepts connections.
func (c *Cluster) ready() error {
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		out, err := c.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(c.port)).CombinedOutput()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(c.dir + ".log") // for the message only
			return fmt.Errorf("the server did not start: %w: %s%s", err, out, log)
		}
	}
}

// Stop ends the server: cleanly, or as a crash would.
func (c *Cluster) Stop(crash bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == nil {
		return nil
	}
	signal := "INT\n"
	if crash {
		signal = "QUIT\n"
	}
	_, err := io.WriteString(c.stdin, signal)
	var exit *exec.ExitError
	if waited := c.run.Wait(); !errors.As(waited, &exit) { // its status tells nothing
		err = errors.Join(err, waited)
	}
	c.run = nil
	return err
}

// Close ends the server and forgets it; errors are of no consequence.
func (c *Cluster) Close() { _ = c.Stop(true) }

// Addr returns the server's host and port.
func (c *Cluster) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// DSN returns the connection string of the administrator.
func (c *Cluster) DSN() string { return c.DSNAt(c.Addr()) }

// DSNAt returns the connection string by way of another address.
func (c *Cluster) DSNAt(addr string) string {
	dsn := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", c.password), Host: addr, Path: "/postgres",
		RawQuery: "sslmode=disable"}
	return dsn.String()
}
