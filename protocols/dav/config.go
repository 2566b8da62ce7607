package dav

import (
	"fmt"
	"net/url"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// Config says how the face behaves. The zero value serves /dav with every
// feature that is on by default.
type Config struct {
	// Prefix is the URL path below which the tree hangs, without a slash at
	// its end; "": /dav.
	Prefix string
	// Alone serves the prefix only. Else the tree hangs at /v2/dav as well, for
	// tokens, and the container "backup" at /backup, as older applications
	// expect it.
	Alone bool
	// PublicHosts are further authorities ("files.example.org",
	// "files.example.org:8443") that Destination and If may name besides the
	// request's own Host.
	PublicHosts []string
	// TrustedProxies are the peers whose X-Forwarded-Host counts.
	TrustedProxies auth.Networks
	// InfinityLimit is the largest tree in resources that PROPFIND with Depth
	// infinity lists; 0: 10,000, negative: none.
	InfinityLimit int
	// MaxXMLBytes limits the XML of a request; 0: 1 MiB.
	MaxXMLBytes int64
	// ProtectModified refuses PROPPATCH of DAV:getlastmodified, which RFC 4918
	// allows a server to protect and which file synchronisers want to set.
	ProtectModified bool
	// FixedContainers refuses MKCOL, MOVE, COPY and DELETE of first-level
	// folders.
	FixedContainers bool
	// Partial serves PATCH with an X-Update-Range: a part of a file is
	// replaced. It is for the few clients that ask for it.
	Partial bool
	// Chunking serves Nextcloud's chunked upload at /remote.php/dav/uploads,
	// and the tree at /remote.php/dav/files, each below the caller's login. It
	// needs Alone to be off.
	Chunking bool
	// ReadOnly refuses every change, and announces compliance class 1 only.
	ReadOnly bool
}

// Defaults of Config.
const (
	defaultPrefix        = "/dav"
	defaultInfinityLimit = 10_000
	defaultMaxXMLBytes   = 1 << 20
)

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.InfinityLimit == 0 {
		c.InfinityLimit = defaultInfinityLimit
	}
	if c.MaxXMLBytes == 0 {
		c.MaxXMLBytes = defaultMaxXMLBytes
	}
	return c
}

// check finds settings that cannot be.
func (c Config) check() error {
	bad := func(format string, args ...any) error {
		return errs.New("dav.New", errs.Invalid, "", fmt.Sprintf(format, args...))
	}
	rest, rooted := strings.CutPrefix(c.Prefix, "/")
	if !rooted {
		return bad("the prefix %q does not begin with a slash", c.Prefix)
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.Trim(segment, unescaped) != "" {
			return bad("the prefix %q has a segment that is empty, a dot, or needs escapes", c.Prefix)
		}
	}
	mounts := mountsOf(c)
	for i := range mounts[1:] {
		if m := &mounts[i+1]; m.covers(c.Prefix) || mounts[0].covers(m.path) {
			return bad("the prefix %q lies at %s, which has its own meaning", c.Prefix, m.path)
		}
	}
	for _, host := range c.PublicHosts {
		if u, err := url.Parse("//" + host); err != nil || u.Host != host || u.Hostname() == "" {
			return bad("the public host %q is not a host name, with or without a port", host)
		}
	}
	if c.MaxXMLBytes < 0 {
		return bad("the limit of XML is negative")
	}
	return nil
}

// unescaped are the characters that stand for themselves in every path (RFC
// 3986 section 2.3).
const unescaped = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
