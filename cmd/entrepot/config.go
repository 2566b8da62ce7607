package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/protocols"
	"entrepot/protocols/duracloud"
	"entrepot/protocols/swift"
	"entrepot/store"
)

// config is the configuration file, with the defaults of an absent field
// behind each. Environment variables and flags win over it. Secrets are not in
// it: they come from the environment or from files in the data directory.
type config struct {
	Data   string `toml:"data"`   // directory of the store; ./data
	Listen string `toml:"listen"` // host:port; 127.0.0.1:8080
	// PublicURL is the address under which clients see the gateway, when that
	// is not the one that they connect to.
	PublicURL string `toml:"public_url"`

	// InlineLimit is up to how many bytes of content live in the database.
	InlineLimit int `toml:"inline_limit"` // 16384
	// MaxObject is the largest object, in bytes.
	MaxObject int64 `toml:"max_object"` // 5368709122
	// FreeSpace is how many bytes of the volume stay free; 0: the smaller of
	// 1 GiB and 2 % of it.
	FreeSpace int64 `toml:"free_space"`

	// ScrubRate is how many bytes of content are read back in a second to look
	// for damage; 0: none.
	ScrubRate int64 `toml:"scrub_rate"` // 10485760
	// AccountRemovalDelay is how long the data of a deleted account stay before
	// they are removed.
	AccountRemovalDelay time.Duration `toml:"account_removal_delay"` // 0
	// SweepGrace is how long content stays that no record names.
	SweepGrace time.Duration `toml:"sweep_grace"` // 1h
	// AuditKeep is how long the records of changes stay; 0: for ever.
	AuditKeep time.Duration `toml:"audit_keep"`
	// VerifyEvery is how often each container is compared with its records,
	// for a report; negative: only when it is asked for.
	VerifyEvery time.Duration `toml:"verify_every"` // 720h

	Allow          []string `toml:"allow"`            // addresses served at all; none: every one
	TrustedProxies []string `toml:"trusted_proxies"`  // whose forwarded headers count
	AllowPlainHTTP bool     `toml:"allow_plain_http"` // without TLS beyond loopback
	// Consent asks accounts to allow an application before its first call;
	// else the first call allows it.
	Consent bool   `toml:"application_consent"`
	TLSCert string `toml:"tls_cert"` // file; with tls_key: serve TLS
	TLSKey  string `toml:"tls_key"`

	Log   logConfig   `toml:"log"`
	Swift swiftConfig `toml:"swift"`
	DAV   davConfig   `toml:"dav"`
	Depot depotConfig `toml:"depot"`
	RPC   rpcConfig   `toml:"rpc"`

	DuraCloud duraConfig    `toml:"duracloud"`
	Stores    []storeConfig `toml:"stores"` // beside the primary one
}

type logConfig struct {
	Level  string `toml:"level"`  // debug, info, warn, error; info
	Format string `toml:"format"` // text, json; text
}

// rpcConfig is the door of the JSON-RPC administration.
type rpcConfig struct {
	Allow []string `toml:"allow"` // addresses that this door serves; none: every one
}

type swiftConfig struct {
	NoAccountManagement bool     `toml:"no_account_management"` // refuse PUT and DELETE of accounts to administrators too
	Allow               []string `toml:"allow"`                 // addresses that this door serves; none: every one
}

type depotConfig struct {
	// Allow lists the addresses that may call the API; none: nobody, but for
	// a gateway on a loopback listener, which serves its own machine.
	Allow             []string      `toml:"allow"`
	RequestTimeWindow time.Duration `toml:"request_time_window"` // 300s; negative: any time
	// Names of spaces are shown where both are set.
	ReturnSpaceNames bool        `toml:"return_space_names"`
	StoreSpaceNames  bool        `toml:"store_space_names"`
	Paths            []string    `toml:"paths"`             // the three of the original and XML-RPC
	MaxBody          int64       `toml:"max_body"`          // bytes; 65536
	ChecksumOptional bool        `toml:"checksum_optional"` // a missing checksum is accepted, a wrong one is not
	RefuseMD5        bool        `toml:"refuse_md5"`        // only an HMAC counts
	AllowReplay      bool        `toml:"allow_replay"`      // the same change twice
	NoLog            bool        `toml:"no_log"`            // no line per call
	LogDays          int         `toml:"log_days"`          // how long lines are kept; 90; negative: for ever
	ProviderCode     string      `toml:"provider_code"`     // that requests may name as distributor
	BigInt           string      `toml:"big_int"`           // integers beyond 32 bits: i8, string, double; i8
	Hosts            []depotHost `toml:"host"`              // other gateways, for gethostfordepot
	EnforceTraffic   bool        `toml:"enforce_traffic"`
	NoUsersOnDemand  bool        `toml:"no_users_on_demand"`
	RateLimit        float64     `toml:"rate_limit"` // requests per second and address; 0: any
	Lockout          int         `toml:"lockout"`    // wrong checksums per minute; 0: any
}

// depotHost is a gateway for users of a location, or with certain addresses.
type depotHost struct {
	Location  string   `toml:"location"`
	Addresses []string `toml:"addresses"`
	URL       string   `toml:"url"`
}

// secrets are what must not stand in a file that people read.
type secretsFromEnv struct {
	adminPassword auth.Secret // of the user admin, at the first start
	depotSalt     auth.Secret
	depotPrevious auth.Secret
	depotHMAC     auth.Secret
}

// flags are the flags of every command.
type flags struct {
	config, data, listen string
	set                  *pflag.FlagSet
}

func (f *flags) add(set *pflag.FlagSet) {
	f.set = set
	set.StringVar(&f.config, "config", "", "configuration file (TOML; default: what ENTREPOT_CONFIG names)")
	set.StringVar(&f.data, "data", "", "data directory (default ./data)")
	set.StringVar(&f.listen, "listen", "", "HOST:PORT to serve (default 127.0.0.1:8080)")
}

func defaults() config {
	return config{
		Data:   "data",
		Listen: "127.0.0.1:8080",

		InlineLimit: store.DefaultInlineLimit, MaxObject: swift.DefaultMaxObjectSize,
		ScrubRate: store.DefaultScrubRate, SweepGrace: store.DefaultGrace, VerifyEvery: gateway.DefaultVerifyEvery,

		Log:   logConfig{Level: "info", Format: "text"},
		DAV:   defaultDAV(),
		Depot: depotConfig{RequestTimeWindow: 300 * time.Second, MaxBody: 64 << 10, LogDays: 90, BigInt: "i8"},

		DuraCloud: duraConfig{
			Prefix: duracloud.DefaultPrefix, Account: adminName,
			ReplicaKeep: gateway.DefaultReplicaKeep, ReplicateSpaces: 2, ReplicateItems: 4,
		},
	}
}

// load reads file, environment and flags, in that order, and checks the
// outcome.
func (p *program) load() (config, secretsFromEnv, error) {
	c := defaults()
	if file := p.configFile(); file != "" {
		if err := c.readFile(file); err != nil {
			return c, secretsFromEnv{}, err
		}
	}
	secrets, err := c.readEnv(p.env)
	if err != nil {
		return c, secrets, err
	}
	if p.flags.set.Changed("data") {
		c.Data = p.flags.data
	}
	if p.flags.set.Changed("listen") {
		c.Listen = p.flags.listen
	}
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return c, secrets, err
	}
	return c, secrets, c.check()
}

// configFile is the configuration file: the one that --config names, else
// ENTREPOT_CONFIG's; "" for none.
func (p *program) configFile() (file string) {
	if p.flags.set.Changed("config") {
		return p.flags.config
	}
	for _, line := range p.env {
		if value, ok := strings.CutPrefix(line, "ENTREPOT_CONFIG="); ok {
			file = value
		}
	}
	return file
}

// readFile reads a TOML file; keys that the program does not know are refused.
func (c *config) readFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	meta, err := toml.Decode(string(text), c)
	if err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("configuration %s: unknown key %s", path, unknown[0])
	}
	return nil
}

// readEnv applies the variables that begin with ENTREPOT_; those that the
// program does not know are refused.
func (c *config) readEnv(env []string) (s secretsFromEnv, err error) {
	text := map[string]*string{
		"DATA": &c.Data, "LISTEN": &c.Listen, "PUBLIC_URL": &c.PublicURL, "LOG_LEVEL": &c.Log.Level,
		"LOG_FORMAT": &c.Log.Format, "TLS_CERT": &c.TLSCert, "TLS_KEY": &c.TLSKey,
	}
	lists := map[string]*[]string{"ALLOW": &c.Allow, "TRUSTED_PROXIES": &c.TrustedProxies, "DEPOT_ALLOW": &c.Depot.Allow}
	secrets := map[string]*auth.Secret{
		"ADMIN_PASSWORD": &s.adminPassword, "DEPOT_SALT": &s.depotSalt,
		"DEPOT_SALT_PREVIOUS": &s.depotPrevious, "DEPOT_HMAC_KEY": &s.depotHMAC,
	}
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		name, ours := strings.CutPrefix(name, "ENTREPOT_")
		if !ours {
			continue
		}
		switch {
		case name == "CONFIG": // it was looked at before, see configFile
		case text[name] != nil:
			*text[name] = value
		case lists[name] != nil:
			*lists[name] = splitList(value)
		case secrets[name] != nil:
			*secrets[name] = auth.NewSecret(value)
		case name == "ALLOW_PLAIN_HTTP":
			if c.AllowPlainHTTP, err = strconv.ParseBool(value); err != nil {
				return s, fmt.Errorf("ENTREPOT_%s: %w", name, err)
			}
		default:
			return s, fmt.Errorf("there is no setting ENTREPOT_%s", name)
		}
	}
	return s, nil
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// check finds settings that cannot be, so that a mistake stops the start.
func (c *config) check() error {
	for what, list := range map[string][]string{
		"allow": c.Allow, "trusted_proxies": c.TrustedProxies, "swift.allow": c.Swift.Allow,
		"dav.allow": c.DAV.Allow, "depot.allow": c.Depot.Allow, "rpc.allow": c.RPC.Allow, "duracloud.allow": c.DuraCloud.Allow,
	} {
		if _, err := auth.ParseNetworks(list); err != nil {
			return fmt.Errorf("configuration: %s: %w", what, err)
		}
	}
	if err := c.checkStores(); err != nil {
		return err
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("configuration: tls_cert and tls_key go together")
	}
	if _, err := c.logLevel(); err != nil {
		return err
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fmt.Errorf("configuration: log.format is text or json, not %q", c.Log.Format)
	}
	for _, h := range c.Depot.Hosts {
		if _, err := auth.ParseNetworks(h.Addresses); err != nil {
			return fmt.Errorf("configuration: depot.host.addresses: %w", err)
		}
	}
	if c.InlineLimit < 0 || c.MaxObject < 0 || c.FreeSpace < 0 || c.ScrubRate < 0 || c.SweepGrace < 0 || c.AuditKeep < 0 || c.AccountRemovalDelay < 0 {
		return errors.New("configuration: a limit is negative")
	}
	return c.DAV.check()
}

// scrubRate is the rate as the store takes it.
func (c *config) scrubRate() int64 {
	if c.ScrubRate == 0 {
		return -1
	}
	return c.ScrubRate
}

func (c *config) logLevel() (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return level, fmt.Errorf("configuration: log.level: %w", err)
	}
	return level, nil
}

// networks parses a list that check found to be sound.
func networks(list []string) auth.Networks {
	n, err := auth.ParseNetworks(list)
	if err != nil {
		panic("config was not checked: " + err.Error())
	}
	return n
}

func (c *config) front() protocols.Config {
	return protocols.Config{
		Proxies: networks(c.TrustedProxies), Allow: networks(c.Allow), AllowPlainHTTP: c.AllowPlainHTTP,
	}
}

func (p *program) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the effective configuration",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			c, secrets, err := p.load()
			if err != nil {
				return errUsage{err}
			}
			var out bytes.Buffer
			if err := toml.NewEncoder(&out).Encode(c); err != nil {
				return err
			}
			for name, s := range map[string]auth.Secret{"depot salt": secrets.depotSalt, "depot HMAC key": secrets.depotHMAC} {
				if !s.Empty() {
					fmt.Fprintf(&out, "# %s: from the environment\n", name)
				}
			}
			_, err = out.WriteTo(p.stdout)
			return err
		},
	}
}
