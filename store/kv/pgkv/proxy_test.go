package pgkv_test

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"entrepot/store/kv/pgkv"
)

// A cut says what a proxy does to a connection that sends COMMIT.
type cut int

const (
	noCut     cut = iota
	cutBefore     // the server never hears of it
	cutWithin     // the server hears of a part of the writes before it
	cutDuring     // the server hears of it, and may not have carried it out
	cutAfter      // the server has carried it out, the answer is lost
)

// A proxy stands between an engine and its server and cuts connections.
type proxy struct {
	listener net.Listener
	server   string
	onCommit func() cut // asked at each COMMIT; safe for concurrent use

	mu    sync.Mutex
	conns map[net.Conn]bool
	done  sync.WaitGroup
}

// newProxy starts a proxy that ends with the test.
func newProxy(t testing.TB, server string, onCommit func() cut) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: server, onCommit: onCommit, conns: map[net.Conn]bool{}}
	p.done.Go(p.serve)
	t.Cleanup(func() {
		_ = l.Close()
		p.cutAll()
		p.done.Wait()
	})
	return p
}

// addr returns where engines reach the proxy.
func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		c := &proxied{proxy: p, client: client, server: server, committed: make(chan struct{}), mute: make(chan struct{})}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.done.Go(c.up)
		p.done.Go(c.down)
	}
}

// cutAll breaks all connections.
func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// A proxied connection.
type proxied struct {
	proxy          *proxy
	client, server net.Conn
	once           sync.Once
	mute           chan struct{} // closed: answers are held back
	committed      chan struct{} // closed: an answer to COMMIT was held back
}

// end breaks the connection.
func (c *proxied) end() {
	c.once.Do(func() {
		_, _ = c.client.Close(), c.server.Close()
		c.proxy.mu.Lock()
		delete(c.proxy.conns, c.client)
		delete(c.proxy.conns, c.server)
		c.proxy.mu.Unlock()
	})
}

// up carries what the engine sends. The name of the statement stands between
// NUL bytes in the message that uses it.
func (c *proxied) up() {
	defer c.end()
	commit := []byte("\x00" + pgkv.CommitName() + "\x00")
	buf := make([]byte, 1<<20)
	for {
		n, err := c.client.Read(buf)
		if err != nil {
			return
		}
		data, action := buf[:n], noCut
		at := bytes.Index(data, commit)
		if at >= 0 {
			action = c.proxy.onCommit()
		}
		switch action {
		case cutBefore:
			return
		case cutWithin:
			data = data[:at]
		case cutAfter:
			close(c.mute)
		}
		if _, err := c.server.Write(data); err != nil {
			return
		}
		switch action {
		case cutWithin, cutDuring:
			return
		case cutAfter:
			<-c.committed
			return
		}
	}
}

// down carries the answers.
func (c *proxied) down() {
	defer c.end()
	buf := make([]byte, 64<<10)
	var held []byte
	for {
		n, err := c.server.Read(buf)
		if err != nil {
			select {
			case <-c.mute:
				close(c.committed)
			default:
			}
			return
		}
		select {
		case <-c.mute:
			if held = append(held, buf[:n]...); bytes.Contains(held, []byte("COMMIT\x00")) {
				close(c.committed)
				return
			}
			continue
		default:
		}
		if _, err := c.client.Write(buf[:n]); err != nil {
			return
		}
	}
}
