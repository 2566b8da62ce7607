package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols"
	"entrepot/protocols/admin"
	"entrepot/protocols/dav"
	"entrepot/protocols/depotlist"
	"entrepot/protocols/duracloud"
	"entrepot/protocols/keystone"
	"entrepot/protocols/swift"
)

// stopPatience is how long requests under way may take to finish at the end.
const stopPatience = 30 * time.Second

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Start the gateway",
		Long: "Start the gateway on the data directory, which is made at the first start. " +
			"A line that begins with \"ready\" is printed once every door answers.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, secrets, err := p.load()
			if err != nil {
				return errUsage{err}
			}
			return p.serve(cmd.Context(), c, secrets)
		},
	}
}

// server is a gateway that is being started, served and stopped.
type server struct {
	*program
	config   config
	log      *slog.Logger
	data     *opened
	auth     *auth.Service
	front    *protocols.Front
	listener net.Listener
	url      string
	tls      *tls.Config
	// certificate is what tls serves with; nil without TLS.
	certificate *certificate
	documents   *gateway.Documents
	stopped     atomic.Pointer[error] // why writing has ended
}

func (p *program) serve(ctx context.Context, c config, secrets secretsFromEnv) (err error) {
	s := &server{program: p, config: c, log: p.logger(c)}
	s.data, err = open(ctx, c, s.log, func(err error) { s.stopped.Store(&err) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.data.Close()) }()
	if err := s.listen(); err != nil {
		return err
	}
	defer s.listener.Close()
	if err := s.build(&secrets); err != nil {
		return err
	}
	defer s.count(ctx)()
	first, err := s.firstStart(ctx, secrets.adminPassword)
	if err != nil {
		return err
	}
	socket, err := s.serveAdmin(ctx)
	if err != nil {
		return err
	}
	defer socket.Close()
	background, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.certificate.run(background, certificateEvery)
	failed := make(chan error, 1)
	go func() { failed <- s.front.Serve(s.listener, s.tls) }()
	s.welcome(first, secrets)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return s.front.Shutdown(last)
}

func (p *program) logger(c config) *slog.Logger {
	level, err := c.logLevel()
	if err != nil {
		level = slog.LevelInfo
	}
	opt := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, opt))
	}
	return slog.New(slog.NewTextHandler(p.stderr, opt))
}

// listen opens the listener, so that a port that is taken ends the start
// before anything is made.
func (s *server) listen() (err error) {
	if s.config.TLSCert != "" {
		if s.certificate, err = loadCertificate(s.config.TLSCert, s.config.TLSKey, s.log); err != nil {
			return err
		}
		s.tls = s.certificate.config()
	}
	if s.listener, err = net.Listen("tcp", s.config.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	at := s.listener.Addr().String()
	s.data.address = scheme + "://" + thisMachine(at)
	s.url = strings.TrimSuffix(s.config.PublicURL, "/")
	if s.url == "" {
		s.url = scheme + "://" + at
	}
	return nil
}

// count keeps what is counted about wrong passwords until the returned
// function is called.
func (s *server) count(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		s.auth.Run(ctx)
		close(done)
	}()
	return func() {
		cancel()
		<-done
	}
}

// onLoopback tells whether only this machine reaches the listener.
func (s *server) onLoopback() bool {
	a, err := netip.ParseAddrPort(s.listener.Addr().String())
	return err == nil && a.Addr().IsLoopback()
}

// build wires authentication, doors and front.
func (s *server) build(secrets *secretsFromEnv) error {
	key, err := secret(s.config.Data, serverKey)
	if err != nil {
		return err
	}
	old, err := previous(s.config.Data, serverKey)
	if err != nil {
		return err
	}
	s.auth, err = auth.New(s.data.gateway.Accounts, auth.Config{
		PreviousKey: old,
		ServerKey:   key, Logger: s.log, Strikes: s.data.gateway.Accounts,
	})
	if err != nil {
		return err
	}
	swiftFace, err := swift.New(swift.Config{StorageURL: s.config.PublicURL, MaxObjectSize: s.config.MaxObject, NoAccountManagement: s.config.Swift.NoAccountManagement}, s.data.gateway, s.auth, time.Now)
	if err != nil {
		return err
	}
	davFace, err := dav.New(s.config.dav(), s.data.gateway, s.auth, s.log, time.Now)
	if err != nil {
		return err
	}
	depotMount, err := s.depotMount(secrets)
	if err != nil {
		return err
	}
	duraFace, err := duracloud.New(s.config.dura(), s.data.gateway, s.auth, s.log, time.Now)
	if err != nil {
		return err
	}
	door := admin.NewDoor(s.data.face(s.auth, s.config.PublicURL, s.log), s.auth)
	metrics := protocols.NewMetrics()
	metrics.Registry().MustRegister(newReplicaMetrics(s.data.gateway.Replication))
	s.front, err = protocols.New(s.config.front(), protocols.Deps{Log: s.log, Metrics: metrics, Ready: s.ready, Limited: s.data.limited},
		protocols.Mount{Name: "swift", Face: swiftFace, Allow: networks(s.config.Swift.Allow)},
		protocols.Mount{Name: "keystone", Face: s.keystone(), Allow: networks(s.config.Swift.Allow)},
		depotMount, protocols.Mount{Name: "depots", Face: depotlist.New(s.data.gateway.Depots, s.documents, s.auth)},
		protocols.Mount{Name: "dav", Face: davFace, Allow: networks(s.config.DAV.Allow)},
		protocols.Mount{Name: "rpc", Face: door, Allow: networks(s.config.RPC.Allow)},
		protocols.Mount{Name: "duracloud", Face: duraFace, Allow: networks(s.config.DuraCloud.Allow)},
	)
	return err
}

// keystone makes the login door for clients of the OpenStack Identity API.
func (s *server) keystone() *keystone.Face {
	return keystone.New(keystone.Config{PublicURL: s.config.PublicURL, Proxies: networks(s.config.TrustedProxies)},
		s.data.gateway, s.auth, time.Now)
}

// depotMount makes the depot door. Without a salt from the environment a
// gateway on loopback makes a random one and serves its own machine.
func (s *server) depotMount(secrets *secretsFromEnv) (protocols.Mount, error) {
	c := s.config.Depot
	if secrets.depotSalt.Empty() && s.onLoopback() {
		salt, err := secret(s.config.Data, depotSalt)
		if err != nil {
			return protocols.Mount{}, err
		}
		secrets.depotSalt = salt
		if secrets.depotPrevious.Empty() {
			if secrets.depotPrevious, err = previous(s.config.Data, depotSalt); err != nil {
				return protocols.Mount{}, err
			}
		}
		if len(c.Allow) == 0 {
			c.Allow = []string{"127.0.0.1", "::1"}
		}
	}
	face, err := s.depotFace(c, secrets)
	return protocols.Mount{Name: "depot", Face: face, PlainFrom: privateOnly(c.Allow)}, err
}

// privateOnly keeps the entries of a list whose addresses are private: only
// those may use the depot API without TLS.
func privateOnly(list []string) auth.Networks {
	var out []string
	for _, entry := range list {
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			a, err := netip.ParseAddr(entry)
			if err != nil {
				continue
			}
			prefix = netip.PrefixFrom(a, a.BitLen())
		}
		if a := prefix.Addr().Unmap(); a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
			out = append(out, entry)
		}
	}
	return networks(out)
}

// ready tells why the gateway cannot serve.
func (s *server) ready(context.Context) error {
	if err := s.stopped.Load(); err != nil {
		return errs.Wrap("ready", errs.Unavailable, errs.SyncFailed, *err)
	}
	return s.data.store.Stopped()
}

// firstUser is the login that a first start made.
type firstUser struct {
	made     bool
	password auth.Secret
}

// adminName is the user, and the account, that a first start makes.
const adminName = "admin"

// firstStart makes an administrator when the store has no users.
func (s *server) firstStart(ctx context.Context, password auth.Secret) (firstUser, error) {
	users, err := s.data.gateway.Accounts.Users(auth.WithPrincipal(ctx, auth.Local()), "", "", 1)
	if err != nil || len(users) > 0 {
		if !password.Empty() {
			s.log.Warn("ENTREPOT_ADMIN_PASSWORD counts at the first start only; entrepot user passwd changes a password")
		}
		return firstUser{}, err
	}
	if password.Empty() {
		if password, err = randomPassword(); err != nil {
			return firstUser{}, err
		}
	}
	if err := s.judgePassword(password); err != nil {
		return firstUser{}, err
	}
	return firstUser{true, password}, s.addAdmin(ctx, password)
}

// welcome prints where the doors are, and at the first start how to enter
// them.
func (s *server) welcome(first firstUser, secrets secretsFromEnv) {
	var b strings.Builder
	fmt.Fprintf(&b, "entrepot %s on %s, data in %s\n\n", version(), s.url, s.config.Data)
	fmt.Fprintf(&b, "  Swift      %s/auth/v1.0\n  WebDAV     %s%s/\n", s.url, s.url, s.config.DAV.Prefix)
	fmt.Fprintf(&b, "  DuraCloud  %s%s\n", s.url, s.config.DuraCloud.Prefix)
	fmt.Fprintf(&b, "  Accounts   %s%s\n", s.url, admin.Path)
	if !secrets.depotSalt.Empty() || !secrets.depotHMAC.Empty() {
		fmt.Fprintf(&b, "  Depot API  %s/RPC2\n", s.url)
	}
	if first.made {
		s.firstSteps(&b, first)
	}
	fmt.Fprintf(&b, "\nready %s\n", s.url)
	io.WriteString(s.stdout, b.String())
}

// firstSteps prints a command to paste for each door.
func (s *server) firstSteps(b *strings.Builder, first firstUser) {
	shown, given, quote := first.password.Reveal(), "(shown only now)", "'"
	if fromEnv(s.env) {
		// The pasted shell shall put the variable's value there.
		shown, given, quote = "$ENTREPOT_ADMIN_PASSWORD", "(from ENTREPOT_ADMIN_PASSWORD)", `"`
	}
	fmt.Fprintf(b, "\nThis is the first start. Administrator: user %s, password %s  %s\n", adminName, shown, given)
	fmt.Fprintf(b, "Try:\n")
	fmt.Fprintf(b, "  swift -A %s/auth/v1.0 -U %s:%s -K %s upload docs README.md\n", s.url, adminName, adminName, quote+shown+quote)
	fmt.Fprintf(b, "  curl -u %s %s%s/docs/README.md\n", quote+adminName+":"+shown+quote, s.url, s.config.DAV.Prefix)
	if s.onLoopback() {
		salt := s.config.Data + "/" + secretsName + "/" + depotSalt
		fmt.Fprintf(b, "  body=\"<teamdrive><command>getdepotdata</command><requesttime>$(date +%%s)</requesttime><username>%s</username></teamdrive>\"\n", adminName)
		fmt.Fprintf(b, "  sum=$(printf '%%s%%s' \"$body\" \"$(cat '%s')\" | md5sum | cut -c1-32)\n", salt)
		fmt.Fprintf(b, "  curl --data-binary \"$body\" \"%s/RPC2?checksum=$sum\"\n", s.url)
	}
}

func fromEnv(env []string) bool {
	for _, line := range env {
		if v, ok := strings.CutPrefix(line, "ENTREPOT_ADMIN_PASSWORD="); ok && v != "" {
			return true
		}
	}
	return false
}

// quiet is for commands that open the store themselves.
func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
