package protocoltest

import (
	"net"
	"sync"
)

// A Pipe is a listener in memory. What stands still on its connections stands
// still for the package testing/synctest, too, so that a test of deadlines takes
// no time and does not depend on it. Nothing is buffered: a write waits for its
// reader. Both ends of a connection seem to be on loopback.
type Pipe struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// NewPipe returns a listener without connections.
func NewPipe() *Pipe {
	return &Pipe{incoming: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial makes a connection; net.ErrClosed after Close.
func (p *Pipe) Dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.incoming <- pipeConn{there}:
		return pipeConn{here}, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; connections live on. A second Close does
// nothing.
func (p *Pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipe) Addr() net.Addr { return loopback() }

func loopback() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

type pipeConn struct{ net.Conn }

func (pipeConn) LocalAddr() net.Addr  { return loopback() }
func (pipeConn) RemoteAddr() net.Addr { return loopback() }
