package main

import (
	"errors"
	"time"

	"entrepot/protocols/dav"
)

// davConfig are the settings of the WebDAV door.
type davConfig struct {
	Allow         []string      `toml:"allow"`
	Prefix        string        `toml:"prefix"`         // /dav
	PublicHosts   []string      `toml:"public_hosts"`   // further authorities in Destination and If
	ReadOnly      bool          `toml:"read_only"`      //
	PartialUpdate bool          `toml:"partial_update"` // PATCH of parts of files
	Chunking      bool          `toml:"chunking"`       // Nextcloud's uploads in pieces, and its paths
	InfinityLimit int           `toml:"infinity_limit"` // resources that Depth infinity lists; 10000
	LockDefault   time.Duration `toml:"lock_default"`   // 1h
	LockMax       time.Duration `toml:"lock_max"`       // 24h
	// MaxTree is how many objects one COPY or MOVE may touch, and one step of a
	// DELETE.
	MaxTree int   `toml:"max_tree_entries"` // 100000, the most
	MaxXML  int64 `toml:"max_xml_bytes"`    // 1048576
	// SetModified lets PROPPATCH set DAV:getlastmodified.
	SetModified bool `toml:"set_getlastmodified"` // true
	// ContainerOps lets first-level folders be made, renamed, replaced and
	// deleted.
	ContainerOps bool `toml:"container_ops"` // true
}

func defaultDAV() davConfig {
	return davConfig{
		Prefix: "/dav", InfinityLimit: 10_000, LockDefault: time.Hour, LockMax: 24 * time.Hour,
		MaxTree: 100_000, MaxXML: 1 << 20, SetModified: true, ContainerOps: true,
	}
}

// check finds settings of the WebDAV door that cannot be, but for those that
// the door finds itself.
func (c *davConfig) check() error {
	switch {
	case c.LockDefault < time.Second || c.LockMax < c.LockDefault:
		return errors.New("configuration: dav.lock_default is a second or more, such as \"1h\", and dav.lock_max no less")
	case c.MaxTree < 1 || c.MaxTree > 100_000:
		return errors.New("configuration: dav.max_tree_entries is a number from 1 to 100000")
	case c.MaxXML < 1:
		return errors.New("configuration: dav.max_xml_bytes is a number of bytes above 0")
	}
	return nil
}

func (c *config) dav() dav.Config {
	return dav.Config{
		Prefix: c.DAV.Prefix, PublicHosts: c.DAV.PublicHosts, TrustedProxies: networks(c.TrustedProxies),
		InfinityLimit: c.DAV.InfinityLimit, ReadOnly: c.DAV.ReadOnly, Partial: c.DAV.PartialUpdate, Chunking: c.DAV.Chunking,
		MaxXMLBytes: c.DAV.MaxXML, ProtectModified: !c.DAV.SetModified, FixedContainers: !c.DAV.ContainerOps,
	}
}
