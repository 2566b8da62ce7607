package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// certificateEvery is how often the files of the certificate are looked at.
const certificateEvery = 10 * time.Second

// A certificate is the server's, read anew when its files change: connections
// that are there keep the one they began with, new ones get the new one. Files
// that cannot be read, or do not fit each other (one of them may be written
// before the other), leave the last good one in use.
type certificate struct {
	cert, key string
	log       *slog.Logger
	present   atomic.Pointer[tls.Certificate]
	seen      [2]fileState // when the present one was read; of run alone
	failed    bool         // the last try failed; of run alone
}

// fileState tells one state of a file from another.
type fileState struct {
	size     int64
	modified time.Time
	inode    uint64
}

// loadCertificate reads the certificate for the first time.
func loadCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	c.seen = c.states()
	return c, c.load()
}

// config serves with the present certificate, TLS 1.2 and newer.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.present.Load(), nil },
	}
}

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	c.present.Store(&pair)
	return nil
}

func (c *certificate) states() (s [2]fileState) {
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			continue
		}
		s[i] = fileState{size: info.Size(), modified: info.ModTime()}
		if sys, ok := info.Sys().(*syscall.Stat_t); ok {
			s[i].inode = sys.Ino
		}
	}
	return s
}

// run looks for changes now and then, and at once on SIGHUP, until ctx ends.
// Without a certificate (nil) the signal means nothing, and ends nothing.
func (c *certificate) run(ctx context.Context, every time.Duration) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hup:
			asked = true
		case <-ticker.C:
		}
		c.refresh(asked)
	}
}

// refresh reads the certificate if its files changed, or always. A failure is
// told once, until there is another change.
func (c *certificate) refresh(always bool) {
	if c == nil {
		return
	}
	now := c.states()
	changed := now != c.seen
	if !changed && !always && !c.failed {
		return
	}
	if err := c.load(); err != nil {
		if changed || always {
			c.log.Error("the certificate could not be read again; the last one stays in use", "err", err)
		}
		c.seen, c.failed = now, true
		return
	}
	c.seen, c.failed = now, false
	leaf := c.present.Load().Leaf
	c.log.Info("the certificate was read again", "subject", leaf.Subject.String(), "until", leaf.NotAfter)
}
