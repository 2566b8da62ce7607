package protocols

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"entrepot/auth"
)

// servers are what Shutdown stops.
type servers struct {
	mu       sync.Mutex
	running  []*http.Server
	stopping bool
}

func (s *servers) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// add tells whether srv may still start.
func (s *servers) add(srv *http.Server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.running = append(s.running, srv)
	}
	return !s.stopping
}

// stop returns all servers; none starts after it.
func (s *servers) stop() []*http.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	return s.running
}

// NewServer returns a server with the front's limits that serves HTTP/1.1, and
// HTTP/2 over TLS only. Serve makes its own; this is for those who need to
// change something.
func (f *Front) NewServer() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler:           f.served,
		ConnContext:       connContext,
		Protocols:         &protocols,
		ReadHeaderTimeout: f.cfg.HeaderTimeout,
		IdleTimeout:       f.cfg.IdleTimeout,
		MaxHeaderBytes:    f.cfg.MaxHeaderBytes,
		ConnState:         f.connState,
		ErrorLog:          slog.NewLogLogger(f.deps.Log.Handler(), slog.LevelDebug),
	}
}

// Serve accepts connections from l until Shutdown, with TLS when tc is not
// nil, and closes l. It returns nil after Shutdown. It may be called for
// several listeners, each call in a goroutine of its own.
func (f *Front) Serve(l net.Listener, tc *tls.Config) error {
	srv := f.NewServer()
	if !f.servers.add(srv) {
		return l.Close()
	}
	var err error
	if tc == nil {
		err = srv.Serve(&watching{l, f.cfg.MaxHeaderBytes})
	} else {
		srv.TLSConfig = tc.Clone()
		srv.TLSConfig.MinVersion = max(srv.TLSConfig.MinVersion, tls.VersionTLS12)
		err = srv.ServeTLS(l, "", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown stops accepting, lets the requests at work finish, and returns when
// all have, or when ctx ends: then it cuts them off and returns the reason.
// /readyz answers 503 from now on. A second call does the same again and finds
// nothing to wait for.
func (f *Front) Shutdown(ctx context.Context) error {
	var all []error
	var mu sync.Mutex
	var done sync.WaitGroup
	for _, srv := range f.servers.stop() {
		done.Go(func() {
			err := srv.Shutdown(ctx)
			if err != nil {
				err = errors.Join(err, srv.Close())
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, err)
		})
	}
	done.Wait()
	return errors.Join(all...)
}

// connCounter counts the connections of each address.
type connCounter struct {
	limit  int
	exempt auth.Networks

	mu   sync.Mutex
	open map[string]int // by address without port
}

// connState is the server's hook: it closes connections beyond the limit
// before anything is read from them.
func (f *Front) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if !f.conns.enter(conn.RemoteAddr()) {
			f.deps.Metrics.refused.Inc()
			_ = conn.Close() // the server then reports it closed
		}
	case http.StateClosed, http.StateHijacked:
		f.conns.leave(conn.RemoteAddr())
	}
}

// enter counts a connection and tells whether it is within the limit. It is
// counted in any case: leave follows.
func (c *connCounter) enter(from net.Addr) bool {
	key, limited := c.key(from)
	if !limited {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[key]++
	return c.open[key] <= c.limit
}

func (c *connCounter) leave(from net.Addr) {
	key, limited := c.key(from)
	if !limited {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[key]--; c.open[key] <= 0 {
		delete(c.open, key)
	}
}

// key returns the address and whether it is limited.
func (c *connCounter) key(from net.Addr) (string, bool) {
	addr, ok := addrOf(from.String())
	if !ok || addr.IsLoopback() || c.exempt.Contains(addr) {
		return "", false
	}
	return addr.String(), true
}
