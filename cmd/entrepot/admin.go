package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"entrepot/auth"
	"entrepot/protocols/admin"
	"entrepot/store/kv"
)

// socketName is the Unix socket in the data directory through which commands
// reach a running gateway.
const socketName = "admin.sock"

// socketPath returns a path for the socket that fits the 108 bytes of a socket
// address: a long one is reached through an open directory. Call done when the
// path is no longer needed.
func socketPath(data string) (path string, done func() error, err error) {
	path = filepath.Join(data, socketName)
	if len(path) < 100 {
		return path, func() error { return nil }, nil
	}
	dir, err := os.Open(data)
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + socketName, dir.Close, nil
}

// face is the administrators' face of an open store. storageURL is where the
// Swift door is, "" for where a caller is.
func (o *opened) face(logins *auth.Service, storageURL string, log *slog.Logger) *admin.Face {
	deps := admin.Deps{
		Accounts: o.gateway.Accounts, Containers: o.gateway.Containers, Applications: o.gateway.Applications,
		Credentials: o.gateway.Credentials, Replication: o.gateway.Replication, Snapshots: o.gateway.Snapshots,
		Depots: o.gateway.Depots, Maintenance: maintenance{o},
		StorageURL: storageURL, Address: o.address, Version: version(), Random: rand.Reader, Now: time.Now, Log: log,
	}
	if logins != nil {
		deps.Changed = logins.Forget
	}
	return admin.New(deps)
}

// serveAdmin serves the operators' face on the socket until the returned
// closer is closed.
func (s *server) serveAdmin(ctx context.Context) (io.Closer, error) {
	path, done, err := socketPath(s.config.Data)
	if err != nil {
		return nil, err
	}
	// The store is locked by this process, so a socket that is there is a dead
	// process's.
	if err := os.Remove(filepath.Join(s.config.Data, socketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	old := syscall.Umask(0o077)
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("administration socket: %w", err), done())
	}
	srv := &http.Server{Handler: s.data.face(s.auth, s.url, s.log), ReadTimeout: time.Minute, ErrorLog: nil}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("administration socket", "err", err)
		}
	}()
	return closer(func() error { return errors.Join(srv.Close(), done()) }), nil
}

type closer func() error

func (c closer) Close() error { return c() }

// administer calls the gateway that runs on the data directory, or opens the
// store itself when none does.
func (p *program) administer(ctx context.Context, method string, params, result any) error {
	c, _, err := p.load()
	if err != nil {
		return errUsage{err}
	}
	if running(ctx, c.Data) { // opening the store would wait for its lock first
		return callRunning(ctx, c.Data, method, params, result)
	}
	if !makes(method) {
		if err := needStore(c.Data); err != nil {
			return err
		}
	}
	data, err := open(ctx, c, quiet(), nil)
	if errors.Is(err, kv.ErrInUse) {
		return callRunning(ctx, c.Data, method, params, result)
	}
	if err != nil {
		return err
	}
	client := &admin.Client{HTTP: &http.Client{Transport: direct{data.face(nil, "", nil)}}}
	return errors.Join(exitOf(client.Call(ctx, method, params, result)), data.Close())
}

// makes tells whether a method may be the first that is done to a store, before
// a gateway ran on it.
func makes(method string) bool {
	return strings.HasSuffix(method, ".create") && method != admin.MethodSnapshotCreate || strings.HasSuffix(method, ".issue_key")
}

// running tells whether a gateway answers on the data directory's socket.
func running(ctx context.Context, data string) bool {
	path, done, err := socketPath(data)
	if err != nil {
		return false
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		err = conn.Close()
	}
	return errors.Join(err, done()) == nil
}

func callRunning(ctx context.Context, data, method string, params, result any) error {
	path, done, err := socketPath(data)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	client := &admin.Client{HTTP: &http.Client{Transport: transport}}
	err = client.Call(ctx, method, params, result)
	transport.CloseIdleConnections()
	var refused *admin.Failure
	if err != nil && !errors.As(err, &refused) {
		err = fmt.Errorf("another process uses %s and does not answer: %w", data, err)
	}
	return errors.Join(exitOf(err), done())
}

// exitConflict is the exit code of commands that administer when something
// exists already or its state forbids what was asked.
const exitConflict = 6

// refused is an answer of the administrators' face with an exit code.
type refused struct{ *admin.Failure }

// ExitCode tells scripts what was wrong.
func (r refused) ExitCode() int {
	switch r.Status() {
	case http.StatusNotFound, http.StatusGone:
		return exitNotFound
	case http.StatusConflict:
		return exitConflict
	}
	return exitFailed
}

// exitOf gives a refusal its exit code.
func exitOf(err error) error {
	var f *admin.Failure
	if errors.As(err, &f) {
		return refused{f}
	}
	return err
}

// direct carries requests to a handler in this process.
type direct struct{ handler http.Handler }

// RoundTrip lets the handler answer.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	body, w := io.Pipe()
	head := make(chan *http.Response, 1)
	rec := &recorder{head: head, body: body, pipe: w, header: make(http.Header)}
	go func() {
		d.handler.ServeHTTP(rec, r)
		rec.WriteHeader(http.StatusOK)
		w.Close()
	}()
	return <-head, nil
}

// recorder is the response writer of direct.
type recorder struct {
	head   chan *http.Response
	body   io.ReadCloser
	pipe   *io.PipeWriter
	header http.Header
	sent   bool
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if !r.sent {
		r.sent = true
		r.head <- &http.Response{StatusCode: status, Status: http.StatusText(status), Header: r.header.Clone(), Body: r.body}
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.pipe.Write(p)
}

func randomPassword() (auth.Secret, error) { return auth.NewPassword(rand.Reader) }

// addAdmin makes the first administrator.
func (s *server) addAdmin(ctx context.Context, password auth.Secret) error {
	client := &admin.Client{HTTP: &http.Client{Transport: direct{s.data.face(s.auth, "", s.log)}}}
	return client.Call(ctx, admin.MethodUserCreate, admin.NewUser{
		User: adminName, Account: adminName, Roles: []string{string(auth.RoleAdmin)}, Password: password.Reveal(),
	}, nil)
}
