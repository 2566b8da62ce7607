package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/webdav"
)

// A peer is a server that can be started.
type peer struct {
	name  string
	title string
	start func(ctx context.Context, dir string) (*running, error)
}

// A door is one protocol of a running server.
type door struct {
	address    string
	base       string          // path of the folder that the load works in
	auth       string          // header line that lets the load in
	containers bool            // folders are Swift's containers
	filled     map[string]bool // folders that have their files
}

// running is a server with its data.
type running struct {
	doors map[string]*door // "dav", "swift"
	cmd   *exec.Cmd
	log   *output
	also  []*running // servers that it needs
}

// missingProgram is a peer that is not installed.
type missingProgram struct{ program string }

func (m *missingProgram) Error() string { return m.program + " is not installed" }

// output is what a server printed; its methods may be called at any time.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// peers lists who is measured, in the order of the table.
func peers(s settings) []peer {
	return []peer{
		{"entrepot", "Entrepot (durable)", func(ctx context.Context, dir string) (*running, error) { return startEntrepot(ctx, dir, s.entrepot) }},
		{"apache", "Apache mod_dav", startApache},
		{"lighttpd", "lighttpd", startLighttpd},
		{"nginx", "nginx dav-ext", startNginx},
		{"rclone", "rclone serve", startRclone},
		{"xnet", "x/net/webdav", startBare},
		{"swift", "OpenStack Swift", startSwift},
	}
}

// freeAddress returns an address on loopback that nobody listens on just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// launch runs a server and waits until it accepts connections.
func launch(ctx context.Context, address, base, program string, env []string, args ...string) (*running, error) {
	path, err := find(program)
	if err != nil {
		return nil, err
	}
	s := &running{log: &output{}, doors: map[string]*door{}}
	if base != "" {
		s.doors["dav"] = &door{address: address, base: base, auth: basic, filled: map[string]bool{}}
	}
	s.cmd = exec.CommandContext(ctx, path, args...)
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return s, nil
		}
	}
	s.stop()
	return nil, fmt.Errorf("%s does not answer:\n%s", program, s.log)
}

// find looks where servers of distributions are.
func find(program string) (string, error) {
	for _, dir := range append([]string{""}, "/usr/sbin", "/usr/local/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", &missingProgram{program}
}

// stop ends the server and whatever it started.
func (s *running) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	for _, other := range s.also {
		other.stop()
	}
}

// write writes configuration files below dir: name, text, name, text.
func write(dir string, files ...string) error {
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// open makes directories that every user of the machine may write: servers
// that are started as root change to another one.
func open(dir string, names ...string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(path, 0o777); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o777); err != nil {
			return err
		}
	}
	return nil
}

// passwordFile is a line that Apache and nginx read; SHA-1 is the cheapest
// that both check, so that the hash does not decide.
func passwordFile() string {
	sum := sha1.Sum([]byte(password))
	return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
}

// asRoot returns text for a server that root starts, "" otherwise.
func asRoot(text string) string {
	if os.Getuid() == 0 {
		return text
	}
	return ""
}

func startEntrepot(ctx context.Context, dir, program string) (*running, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := write(dir, "conf.toml", "[log]\nlevel = \"error\"\n"); err != nil {
		return nil, err
	}
	s, err := launch(ctx, address, "/dav/bench/", program, []string{"ENTREPOT_ADMIN_PASSWORD=" + password},
		"serve", "--data", filepath.Join(dir, "data"), "--listen", address, "--config", filepath.Join(dir, "conf.toml"))
	if err != nil {
		return nil, err
	}
	return s, s.swiftDoor(ctx, address, "AUTH_"+user)
}

const apacheModules = "/usr/lib/apache2/modules/mod_"

func startApache(ctx context.Context, dir string) (*running, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, m := range strings.Fields("mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_fs dav_lock") {
		fmt.Fprintf(&b, "LoadModule %s_module %s%s.so\n", m, apacheModules, m)
	}
	fmt.Fprintf(&b, "ServerName localhost\nListen %s\nPidFile %s/pid\nErrorLog %s/error.log\nMutex file:%s/lock\nDocumentRoot %s/root\n", address, dir, dir, dir, dir)
	b.WriteString(asRoot("User www-data\nGroup www-data\n"))
	fmt.Fprintf(&b, "DavLockDB %s/lock/db\nKeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\n", dir)
	fmt.Fprintf(&b, "<Directory %s/root>\nDav On\nAuthType Basic\nAuthName bench\nAuthUserFile %s/users\nRequire valid-user\n</Directory>\n", dir, dir)
	if err := open(dir, "root", "lock"); err != nil {
		return nil, err
	}
	if err := write(dir, "apache.conf", b.String(), "users", passwordFile()); err != nil {
		return nil, err
	}
	return launch(ctx, address, "/bench/", "apache2", nil, "-f", filepath.Join(dir, "apache.conf"), "-DFOREGROUND")
}

func startLighttpd(ctx context.Context, dir string) (*running, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`server.modules = ("mod_auth", "mod_authn_file", "mod_webdav")
server.bind = "%s"
server.port = %s
server.document-root = "%s/root"
server.upload-dirs = ("%s/tmp")
server.max-keep-alive-requests = 1000000
server.max-fds = 4096
server.errorlog = "%s/error.log"
%swebdav.activate = "enable"
webdav.sqlite-db-name = "%s/db/webdav.db"
auth.backend = "plain"
auth.backend.plain.userfile = "%s/users"
auth.require = ("" => ("method" => "basic", "realm" => "bench", "require" => "valid-user"))
`, host, port, dir, dir, dir, asRoot("server.username = \"www-data\"\nserver.groupname = \"www-data\"\n"), dir, dir)
	if err := open(dir, "root", "tmp", "db"); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "error.log"), nil, 0o666); err != nil {
		return nil, err
	}
	if err := os.Chmod(filepath.Join(dir, "error.log"), 0o666); err != nil {
		return nil, err
	}
	if err := write(dir, "lighttpd.conf", conf, "users", user+":"+password+"\n"); err != nil {
		return nil, err
	}
	return launch(ctx, address, "/bench/", "lighttpd", nil, "-D", "-f", filepath.Join(dir, "lighttpd.conf"))
}

func startNginx(ctx context.Context, dir string) (*running, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
daemon off;
worker_processes auto;
pid %[1]s/pid;
error_log %[1]s/error.log;
%[2]sevents { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 10000000;
  client_max_body_size 0;
  client_body_temp_path %[1]s/tmp/body;
  proxy_temp_path %[1]s/tmp/proxy;
  fastcgi_temp_path %[1]s/tmp/fastcgi;
  uwsgi_temp_path %[1]s/tmp/uwsgi;
  scgi_temp_path %[1]s/tmp/scgi;
  dav_ext_lock_zone zone=bench:10m;
  server {
    listen %[3]s;
    root %[1]s/root;
    location / {
      auth_basic bench;
      auth_basic_user_file %[1]s/users;
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK;
      dav_ext_lock zone=bench;
      create_full_put_path on;
    }
  }
}
`, dir, asRoot("user www-data;\n"), address)
	if err := open(dir, "root", "tmp"); err != nil {
		return nil, err
	}
	if err := write(dir, "nginx.conf", conf, "users", passwordFile()); err != nil {
		return nil, err
	}
	return launch(ctx, address, "/bench/", "nginx", nil, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir)
}

func startRclone(ctx context.Context, dir string) (*running, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := open(dir, "root"); err != nil {
		return nil, err
	}
	return launch(ctx, address, "/bench/", "rclone", []string{"RCLONE_CONFIG=" + filepath.Join(dir, "rclone.conf")},
		"serve", "webdav", filepath.Join(dir, "root"), "--addr", address, "--user", user, "--pass", password, "--vfs-cache-mode", "writes",
		"--cache-dir", filepath.Join(dir, "cache"), "--vfs-write-back", "0s", "--dir-cache-time", "1h")
}

// startBare runs this program again, with x/net's handler.
func startBare(ctx context.Context, dir string) (*running, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := open(dir, "root"); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return launch(ctx, address, "/bench/", self, nil, "serve-bare", address+","+filepath.Join(dir, "root"))
}

// serveBare serves a directory with x/net's handler, behind the simplest of
// logins.
func serveBare(where string) error {
	address, dir, _ := strings.Cut(where, ",")
	handler := &webdav.Handler{FileSystem: webdav.Dir(dir), LockSystem: webdav.NewMemLS()}
	server := &http.Server{Addr: address, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="bench"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})}
	return server.ListenAndServe()
}
