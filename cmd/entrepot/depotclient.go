package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kolo/xmlrpc"

	"entrepot/auth"
	"entrepot/protocols/admin"
)

// Exit codes of "entrepot depot" beyond those of every command.
const (
	exitNotFound    = 3 // no such user, depot or space
	exitDenied      = 4 // address, checksum, time or repetition
	exitUnreachable = 5 // no gateway answered, or not as one
)

// depotPatience is how long the command waits for an answer.
const depotPatience = time.Minute

// maxDepotReply bounds an answer, in bytes.
const maxDepotReply = 64 << 20

// depotConn is where and how the depot API is called.
type depotConn struct {
	url, saltFile, hmacFile, caFile string
	json                            bool
}

// depotFault is a refusal of the API.
type depotFault struct {
	Code      int    `json:"code"`
	Secondary int    `json:"secondary,omitempty"`
	Message   string `json:"message"`
}

func (f depotFault) Error() string {
	if f.Secondary != 0 {
		return fmt.Sprintf("%s (%d, %d)", f.Message, f.Code, f.Secondary)
	}
	return fmt.Sprintf("%s (%d)", f.Message, f.Code)
}

// ExitCode tells scripts what kind of refusal it was.
func (f depotFault) ExitCode() int {
	switch {
	case f.Code <= -30301 && f.Code >= -30303, f.Code == -30100:
		return exitNotFound
	case f.Code == -30000, f.Code == -30002 && f.Secondary >= 1 && f.Secondary <= 5:
		return exitDenied
	}
	return exitFailed
}

// errUnreachable marks that the API did not answer.
type errUnreachable struct{ error }

// ExitCode is that of a gateway that cannot be reached.
func (errUnreachable) ExitCode() int { return exitUnreachable }

// faultText is how the library shows a fault.
var faultText = regexp.MustCompile(`(?s)^Fault\((-?\d+)\): (.*?)(?: \((\d+)\))?$`)

// depotError turns an error of the library into ours.
func depotError(err error) error {
	if err == nil {
		return nil
	}
	if m := faultText.FindStringSubmatch(err.Error()); m != nil {
		f := depotFault{Message: m[2]}
		f.Code, _ = strconv.Atoi(m[1])      // digits, and no code is longer than an int
		f.Secondary, _ = strconv.Atoi(m[3]) // none is 0
		return f
	}
	return errUnreachable{err}
}

// callDepot calls a method of the depot API with one parameter, nil for none,
// and decodes the answer into reply.
func (p *program) callDepot(ctx context.Context, conn *depotConn, method string, param, reply any) error {
	target, signer, err := p.depotTarget(ctx, conn)
	if err != nil {
		return err
	}
	client, err := xmlrpc.NewClient(target, signer)
	if err != nil {
		return errUsage{err}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, depotPatience)
	defer cancel()
	call := client.Go(method, param, reply, nil)
	select {
	case <-ctx.Done():
		return errUnreachable{ctx.Err()}
	case <-call.Done:
		return depotError(call.Error)
	}
}

// depotTarget finds the address of the API and the secrets to sign with: what
// the command line says, then the environment, then the data directory of a
// gateway on this machine.
func (p *program) depotTarget(ctx context.Context, conn *depotConn) (string, *depotSigner, error) {
	c, secrets, err := p.load()
	if err != nil {
		return "", nil, errUsage{err}
	}
	s := &depotSigner{salt: secrets.depotSalt, hmac: secrets.depotHMAC}
	if s.next, err = trusting(conn.caFile); err != nil {
		return "", nil, errUsage{err}
	}
	for _, file := range []struct {
		path string
		to   *auth.Secret
	}{{conn.saltFile, &s.salt}, {conn.hmacFile, &s.hmac}} {
		if file.path != "" {
			if *file.to, err = readSecret(file.path); err != nil {
				return "", nil, err
			}
		}
	}
	local := conn.url == ""
	if local && s.salt.Empty() && s.hmac.Empty() {
		path := filepath.Join(c.Data, secretsName, depotSalt)
		if s.salt, err = readSecret(path); err != nil {
			return "", nil, fmt.Errorf("no salt: %w (give --data, --salt-file, or --url for another machine's gateway)", err)
		}
	}
	if s.salt.Empty() && s.hmac.Empty() {
		return "", nil, errUsage{errors.New("give --salt-file or --hmac-key-file, or set ENTREPOT_DEPOT_SALT")}
	}
	if local {
		return localDepotURL(ctx, c), s, nil
	}
	u, err := url.Parse(conn.url)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", nil, errUsage{fmt.Errorf("--url is an http or https address, not %q", conn.url)}
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/RPC2"
	}
	return u.String(), s, nil
}

// trusting returns a transport that accepts, besides the authorities of this
// machine, those whose certificates (PEM) a file holds; "" for none.
func trusting(caFile string) (http.RoundTripper, error) {
	if caFile == "" {
		return http.DefaultTransport, nil
	}
	certificates, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without any: the file alone counts
	}
	if !pool.AppendCertsFromPEM(certificates) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", caFile)
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true, // one call and done
	}, nil
}

// localDepotURL is the address of the API of a gateway on this machine: what
// the one that runs on the data directory says, else what is configured.
func localDepotURL(ctx context.Context, c config) string {
	if running(ctx, c.Data) {
		var at admin.Address
		if err := callRunning(ctx, c.Data, admin.MethodAddress, struct{}{}, &at); err == nil && at.URL != "" {
			return at.URL + "/RPC2"
		}
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + thisMachine(c.Listen) + "/RPC2"
}

// thisMachine is the host and port at which this machine reaches a listener.
func thisMachine(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// readSecret reads a secret of a file, of which one line end is not part.
func readSecret(path string) (auth.Secret, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return auth.Secret{}, err
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if line == "" {
		return auth.Secret{}, fmt.Errorf("%s is empty", path)
	}
	return auth.NewSecret(line), nil
}

// depotSigner signs requests: the checksum of the body, its HMAC, or both.
type depotSigner struct {
	salt, hmac auth.Secret
	next       http.RoundTripper
}

// RoundTrip sends a request with its proof in the query. An answer that is not
// the API's is an error.
func (s *depotSigner) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	signed := r.Clone(r.Context())
	query := signed.URL.Query()
	if !s.salt.Empty() {
		query.Set("checksum", auth.DepotChecksum(body, s.salt))
	}
	if !s.hmac.Empty() {
		query.Set("hmac", auth.DepotHMAC(body, s.hmac))
	}
	signed.URL.RawQuery = query.Encode()
	signed.Body, signed.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	reply, err := s.next.RoundTrip(signed)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxDepotReply+1))
	switch {
	case err != nil:
		return nil, err
	case reply.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("HTTP %s: %.200s", reply.Status, bytes.TrimSpace(text))
	case len(text) > maxDepotReply || !bytes.HasPrefix(text, []byte("<?xml")):
		return nil, errors.New("the answer is not one of the depot API")
	}
	reply.Body = io.NopCloser(bytes.NewReader(text))
	return reply, nil
}
