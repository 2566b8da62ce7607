package clients_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// privateCA makes an authority of its own and a certificate of it for this
// machine, in files.
func privateCA(t *testing.T) (ca, cert, key string, roots *x509.CertPool) {
	t.Helper()
	dir, err := os.MkdirTemp("", "entrepot-ca-") // davfs2 reads it as another user than root
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	made := func(serial int64, template *x509.Certificate, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		t.Helper()
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template.SerialNumber = big.NewInt(serial)
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
		if parent == nil {
			parent, signer = template, private
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return parsed, private
	}
	write := func(name, kind string, mode os.FileMode, der []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authority, signer := made(1, &x509.Certificate{
		Subject: pkix.Name{CommonName: "An office of its own"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	leaf, private := made(2, &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, authority, signer)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(authority)
	return write("ca.pem", "CERTIFICATE", 0o644, authority.Raw), write("cert.pem", "CERTIFICATE", 0o644, leaf.Raw), write("key.pem", "PRIVATE KEY", 0o600, secret), roots
}

// startTLS starts a gateway that serves TLS with a certificate of an authority
// that only those know who are told; it has a container called box.
func startTLS(t *testing.T) (s *server) {
	t.Helper()
	ca, cert, key, roots := privateCA(t)
	s = start(t, setting{env: []string{"ENTREPOT_TLS_CERT=" + cert, "ENTREPOT_TLS_KEY=" + key}})
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatalf("the gateway is ready at %s", s.url)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}
	s.ca = ca
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	return s
}

// cutShort is how curl ends that misses a part of the answer. curl 7.88 does not
// wait for leave over HTTP/2, and when a server that has answered resets the
// rest of the upload (RFC 9113 section 8.1) it may drop what it has not read
// of the answer's text. The status is there.
const cutShort = 18

// curl over HTTP/2 and HTTP/1.1: large bodies with a length and without, asked
// for leave first; a refusal comes before the body is sent.
func TestCurlOverTLS(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	s := startTLS(t)
	dir := t.TempDir()
	text := content(71, 24<<20+11)
	file, got := filepath.Join(dir, "sent"), filepath.Join(dir, "got")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	curl := func(path string, args ...string) (status, version string, uploaded int) {
		t.Helper()
		out, errs, code := command{args: append([]string{
			"curl", "-sS", "--expect100-timeout", "60", "--cacert", s.ca, "-u", admin.user + ":" + admin.password, "-o", got, "-w", "%{http_code} %{http_version} %{size_upload}", s.url + path,
		}, args...)}.run(t)
		f := strings.Fields(out)
		if len(f) != 3 || code != 0 && (code != cutShort || f[0] != "409") {
			t.Fatalf("curl %q ends with %d\n%s%s", args, code, out, errs)
		}
		n, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatal(err)
		}
		return f[0], f[1], n
	}
	for _, c := range []struct{ flag, version string }{{"--http2", "2"}, {"--http1.1", "1.1"}} {
		const expect = "Expect: 100-continue"
		for name, headers := range map[string][]string{
			"length":             {"-H", "Expect:"},
			"length, with leave": {"-H", expect},
			"chunks, with leave": {"-H", expect, "-H", "Transfer-Encoding: chunked"},
		} {
			path := "/dav/box/" + strings.ReplaceAll(c.version+" "+name, " ", "%20")
			status, version, n := curl(path, append([]string{c.flag, "-T", file}, headers...)...)
			if status != "201" || version != c.version || n < len(text) {
				t.Errorf("%s %s: status %s, HTTP/%s, %d bytes sent", c.flag, name, status, version, n)
			}
			if status, _, _ = curl(path, c.flag); status != "200" {
				t.Errorf("GET %s: %s", path, status)
			}
			if b, err := os.ReadFile(got); err != nil || md5hex(b) != md5hex(text) {
				t.Errorf("GET %s: %d bytes, %v", path, len(b), err)
			}
		}
		if status, _, n := curl("/dav/box/none/x", c.flag, "-T", file, "-H", expect); status != "409" || n >= len(text) {
			t.Errorf("%s without a parent: status %s, %d bytes sent", c.flag, status, n)
		}
	}
	if _, errs, code := (command{args: []string{"curl", "-sS", "-u", admin.user + ":" + admin.password, s.url + "/dav/"}}).run(t); code != 60 {
		t.Errorf("curl that does not know the authority ends with %d: %s", code, errs)
	}
}

// neon, below cadaver and davfs2, shows the certificate and goes on when a
// person says yes.
func TestCadaverOverTLS(t *testing.T) {
	t.Parallel()
	need(t, "cadaver", "cadaver")
	need(t, "script", "bsdutils")
	s := startTLS(t)
	dir := t.TempDir()
	text := content(72, 300_000)
	sent, got := filepath.Join(dir, "sent"), filepath.Join(dir, "got")
	if err := os.WriteFile(sent, text, 0o600); err != nil {
		t.Fatal(err)
	}
	printed := s.cadaver(t, "/dav/box/", "y\nput "+sent+" a\nmove a b\nlock b\nput "+sent+" b\nunlock b\nget b "+got+"\nquit\n")
	if !strings.Contains(printed, "An office of its own") {
		t.Errorf("cadaver does not show the certificate:\n%s", printed)
	}
	if b, err := os.ReadFile(got); err != nil || md5hex(b) != md5hex(text) {
		t.Errorf("get: %d bytes, %v\n%s", len(b), err, printed)
	}
}
