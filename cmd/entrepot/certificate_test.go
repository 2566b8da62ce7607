package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writeCertificate puts a certificate of its own with a serial number into the
// two files, the certificate first.
func writeCertificate(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		next := name + ".next"
		if err := os.WriteFile(next, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, name); err != nil {
			t.Fatal(err)
		}
	}
}

// echoing serves TLS with a certificate and sends back what it gets.
func echoing(t *testing.T, c *certificate) (addr string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

func hello(t *testing.T, addr string, most uint16) (*tls.Conn, error) {
	t.Helper()
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 2 * time.Minute},
		Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: most}} //nolint:gosec // it asks who answers
	conn, err := dialer.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*tls.Conn), nil
}

func serialOf(t *testing.T, addr string) int64 {
	t.Helper()
	conn, err := hello(t, addr, tls.VersionTLS13)
	if err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// S53: a certificate is replaced while the server runs, and nothing is cut off.
func TestS53CertificateIsReadAgainWithoutADrop(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	var log bytes.Buffer
	c, err := loadCertificate(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	addr := echoing(t, c)
	kept, err := hello(t, addr, tls.VersionTLS13)
	if err != nil {
		t.Fatal(err)
	}
	if c.refresh(false); log.Len() > 0 {
		t.Errorf("files that did not change were read: %s", log.String())
	}
	if err := os.WriteFile(cert, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.refresh(false)
	c.refresh(false)
	if n := strings.Count(log.String(), "stays in use"); n != 1 || serialOf(t, addr) != 1 {
		t.Errorf("a broken file: told %d times, serial %d", n, serialOf(t, addr))
	}
	writeCertificate(t, cert, key, 2)
	if c.refresh(false); serialOf(t, addr) != 2 {
		t.Errorf("serial %d, want 2", serialOf(t, addr))
	}
	if _, err := kept.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	if _, err := io.ReadFull(kept, got); err != nil || string(got) != "still here" {
		t.Errorf("the old connection: %q %v", got, err)
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("the key is in the log")
	}
}

// S53: TLS 1.2 and newer.
func TestS53OldTLSIsRefused(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	c, err := loadCertificate(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	addr := echoing(t, c)
	for most, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		if _, err := hello(t, addr, most); (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(most), err)
		}
	}
}

func TestHangUpReadsTheCertificateAtOnceAndEndsNothing(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	c, err := loadCertificate(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	addr := echoing(t, c)
	caught := make(chan os.Signal, 1) // before run listens the signal would end this process
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for _, one := range []*certificate{c, nil} { // nil: a server without TLS
		go func() {
			one.run(ctx, time.Hour)
			ended <- struct{}{}
		}()
	}
	writeCertificate(t, cert, key, 2)
	for deadline := time.Now().Add(2 * time.Minute); serialOf(t, addr) != 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the signal did nothing")
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	<-ended
	<-ended
}
