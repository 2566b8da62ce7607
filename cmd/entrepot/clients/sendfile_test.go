package clients_test

import (
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

var sendfileResult = regexp.MustCompile(`(?m)sendfile\d*(?:\(| resumed>).* = (\d+)$`)

// The kernel, not the program, carries a large file to the connection: what
// wraps the response writer must not hide its ReadFrom.
func TestSendfile(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	body := content(31, size)
	trace, traced := tracedSendfile(t)
	s := start(t, traced)
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	s.expect(201, admin, "PUT", "/dav/box/big", string(body))
	tok := s.token(admin)
	for door, as := range map[string]login{"/dav/box/big": admin, "/v1/AUTH_admin/box/big": {}} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+door, nil)
		if err != nil {
			t.Fatal(err)
		}
		if as.user != "" {
			r.SetBasicAuth(as.user, as.password)
		} else {
			r.Header.Set("X-Auth-Token", tok[len("X-Auth-Token: "):])
		}
		before := sentByKernel(t, trace)
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		sum := md5.New()
		n, err := io.Copy(sum, resp.Body)
		resp.Body.Close()
		if err != nil || n != size || hex.EncodeToString(sum.Sum(nil)) != md5hex(body) {
			t.Errorf("%s: %d bytes, %v", door, n, err)
		}
		if sent := sentByKernel(t, trace) - before; sent < size*9/10 {
			t.Errorf("%s: sendfile carried %d of %d bytes", door, sent, size)
		}
	}
}

// tracedSendfile is how a gateway starts whose calls of sendfile are written
// to the file trace.
func tracedSendfile(t *testing.T) (trace string, how setting) {
	t.Helper()
	need(t, "strace", "strace")
	if out, errs, code := (command{args: []string{"strace", "-o", "/dev/null", "true"}}).run(t); code != 0 {
		t.Skipf("tracing processes is not permitted here: %s%s", out, errs)
	}
	trace = filepath.Join(t.TempDir(), "trace")
	return trace, setting{wrap: []string{"strace", "-D", "-f", "-qq", "-e", "trace=sendfile", "-e", "signal=none", "-o", trace}}
}

// sentByKernel sums up what sendfile returned.
func sentByKernel(t *testing.T, trace string) (total int64) {
	t.Helper()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range sendfileResult.FindAllSubmatch(b, -1) {
		n, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}
