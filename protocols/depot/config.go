package depot

import (
	"log/slog"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/depot/wire"
)

// Config says who may call the API and how. The names in brackets are those of
// the original's settings.
type Config struct {
	// Paths that the API answers on [APIPaths]; empty: DefaultPaths.
	Paths []string
	// Allow lists the addresses that may call [APIAccessList]; empty: none.
	Allow auth.Networks
	// Keys are the secrets that requests are signed with [APISalt,
	// APISaltPrevious, APIHMACKey, APIChecksumRequired, APIAllowMD5]. While
	// they could let nobody in, the API is off and its paths are 404.
	Keys auth.DepotKeys
	// MaxBody is the greatest body in bytes, else 413 [APIMaxBody]; default
	// 65,536.
	MaxBody int64
	// Window is how far requesttime may be off [APIRequestTimeWindow]; 0: 300
	// seconds; negative: any time will do.
	Window time.Duration
	// BodyTimeout is how long a body may take to arrive; default 10 seconds.
	BodyTimeout time.Duration
	// AllowReplay accepts the same signed change twice [APIReplayProtection].
	AllowReplay bool
	// NoLog leaves the line per call out of the log [APILogging].
	NoLog bool
	// ReturnSpaceNames shows the names of spaces [APIReturnSpaceNames and
	// StoreSpaceNames].
	ReturnSpaceNames bool
	// ProviderCode is the provider that requests may name as distributor.
	ProviderCode string
	// Rate is how many requests per second an address may send, in bursts of
	// twice that, else 429 [APIRateLimit]; 0: any number.
	Rate float64
	// Lockout is the number of wrong proofs per minute after which an address
	// is denied for a minute [APILockout]; 0: never, at most 1000.
	Lockout int
	// BigInt is how XML-RPC replies carry integers beyond 32 bits
	// [XMLRPCBigInt]; default i8.
	BigInt wire.BigInt
	// Documents makes depot documents and knows the gateway's address; nil:
	// replies have empty ones.
	Documents *gateway.Documents
	// Hosts says where new depots are to be made, for locations other than
	// this gateway's; the first that fits counts.
	Hosts []Host
}

// A Host is another gateway, for users in a part of the world: a location that
// callers name ("EU", "US"), or the addresses that users have there.
type Host struct {
	Location  string
	Addresses auth.Networks
	URL       string
}

// Defaults of Config.
const (
	defaultMaxBody     = 65536
	defaultWindow      = 300 * time.Second
	defaultBodyTimeout = 10 * time.Second
	replayWithoutTime  = 24 * time.Hour // how long changes are remembered when any time will do
)

// DefaultPaths returns the paths of the original, before and since version
// 3.5, and the customary one of XML-RPC.
func DefaultPaths() []string {
	return []string{"/pbas/p1_as/api/api.htm", "/yvva/api/api.htm", "/RPC2"}
}

// exampleSalt stands in the original's manual, so everybody knows it.
const exampleSalt = "d3b07384d113edec49eaa6238ad5ff00"

// settle checks c and fills in defaults.
func (c Config) settle(log *slog.Logger) (Config, error) {
	const op = "depot.New"
	if len(c.Paths) == 0 {
		c.Paths = DefaultPaths()
	}
	for _, p := range c.Paths {
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "{}?#%") {
			return c, errs.New(op, errs.Invalid, "", "a path of the depot API begins with a slash and has no special signs: "+p)
		}
	}
	switch c.BigInt {
	case "", wire.BigI8, wire.BigString, wire.BigDouble:
	default:
		return c, errs.New(op, errs.Invalid, "", "big integers are written as i8, string or double")
	}
	if c.Rate < 0 || c.Lockout < 0 || c.MaxBody < 0 {
		return c, errs.New(op, errs.Invalid, "", "a limit of the depot API is negative")
	}
	for _, h := range c.Hosts {
		if h.URL == "" || h.Location == "" && h.Addresses.Empty() {
			return c, errs.New(op, errs.Invalid, "", "a host of the depot API has a URL, and a location or addresses")
		}
	}
	if err := c.Keys.Check(); err != nil {
		return c, err
	}
	if c.Keys.Salt.Reveal() == exampleSalt || c.Keys.PreviousSalt.Reveal() == exampleSalt {
		log.Warn("the depot API uses the salt that is printed in the manual: anybody can sign requests", "face", "depot")
	}
	if !c.Keys.HMACKey.Empty() && c.Keys.HMACKey.Equal(c.Keys.Salt) {
		log.Warn("the depot API's HMAC key should not be its salt", "face", "depot")
	}
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.Window == 0 {
		c.Window = defaultWindow
	}
	if c.BodyTimeout == 0 {
		c.BodyTimeout = defaultBodyTimeout
	}
	return c, nil
}
