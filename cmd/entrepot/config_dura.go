package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"entrepot/gateway"
	"entrepot/protocols/duracloud"
	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
	"entrepot/store/blob/volumes"
)

// duraConfig are the settings of the DuraCloud door.
type duraConfig struct {
	Allow  []string `toml:"allow"`
	Prefix string   `toml:"prefix"` // /durastore
	// Account is whose public spaces callers without credentials see.
	Account string `toml:"account"` // admin
	// Hosts gives host names an account of their own.
	Hosts     map[string]string `toml:"hosts"`
	HTTPDates bool              `toml:"http_dates"` // Last-Modified as other doors write it
	// Type is the kind of storage that clients are told of the primary store;
	// AMAZON_S3, which every one knows.
	Type     string `toml:"type"`
	ReadOnly bool   `toml:"read_only"` // of the primary store, but for administrators

	// ReplicateTo are the numbers of the stores into which every space of every
	// account is replicated of which nothing else was set.
	ReplicateTo []int `toml:"replicate_to"`
	// ReplicaKeep is how long the replica of a deleted space stays; negative:
	// until it is released or deleted.
	ReplicaKeep time.Duration `toml:"replica_keep"` // 720h
	// ReplicateRate is how many bytes of content are copied to other stores in a
	// second; 0: as many as there can be.
	ReplicateRate int64 `toml:"replicate_rate"`
	// ReplicateSpaces and ReplicateItems are how many spaces, and how many items
	// of each, are worked on at once.
	ReplicateSpaces int `toml:"replicate_spaces"` // 2
	ReplicateItems  int `toml:"replicate_items"`  // 4
}

// storeConfig is a store beside the primary one: every account has it, under
// its own name, a dot and the number.
type storeConfig struct {
	ID        int    `toml:"id"`        // 2 to 15
	Directory string `toml:"directory"` // of its content
	Type      string `toml:"type"`      // AMAZON_S3, AMAZON_GLACIER, SWIFT_S3, CHRONOPOLIS
	ReadOnly  bool   `toml:"read_only"`
}

// knownTypes are the kinds of storage that DuraCloud's clients can read.
func knownType(name string) bool {
	switch name {
	case "", "AMAZON_S3", "AMAZON_GLACIER", "SWIFT_S3", "CHRONOPOLIS":
		return true
	}
	return false
}

// checkStores finds settings of stores that cannot be.
func (c *config) checkStores() error {
	seen := map[int]bool{gateway.PrimaryStore: true}
	places := map[string]bool{}
	for _, s := range c.Stores {
		dir := filepath.Clean(s.Directory)
		switch {
		case s.ID < 2 || s.ID > gateway.MaxStore || seen[s.ID]:
			return fmt.Errorf("configuration: stores: the id %d is not a number of its own from 2 to %d", s.ID, gateway.MaxStore)
		case !filepath.IsAbs(s.Directory) || places[dir]:
			return fmt.Errorf("configuration: stores: store %d needs an absolute directory of its own", s.ID)
		case !knownType(s.Type):
			return fmt.Errorf("configuration: stores: clients do not know the type %q", s.Type)
		}
		seen[s.ID], places[dir] = true, true
	}
	for _, n := range c.DuraCloud.ReplicateTo {
		if !seen[n] || n == gateway.PrimaryStore {
			return fmt.Errorf("configuration: duracloud.replicate_to: %d is not the number of a store in [[stores]]", n)
		}
	}
	if c.DuraCloud.ReplicateRate < 0 || c.DuraCloud.ReplicateSpaces < 0 || c.DuraCloud.ReplicateItems < 0 {
		return errors.New("configuration: duracloud: a limit of replication is negative")
	}
	if !knownType(c.DuraCloud.Type) {
		return fmt.Errorf("configuration: duracloud: clients do not know the type %q", c.DuraCloud.Type)
	}
	return nil
}

// stores are all stores, as the gateway takes them.
func (c *config) stores() []gateway.StoreInfo {
	list := []gateway.StoreInfo{{ID: gateway.PrimaryStore, Type: c.DuraCloud.Type, ReadOnly: c.DuraCloud.ReadOnly}}
	for _, s := range c.Stores {
		list = append(list, gateway.StoreInfo{ID: s.ID, Type: s.Type, ReadOnly: s.ReadOnly})
	}
	return list
}

// replication is how spaces are replicated, as the gateway takes it. A command
// that opens the store for a moment replicates nothing by itself.
func (c *config) replication(serving bool) gateway.ReplicationConfig {
	d := &c.DuraCloud
	r := gateway.ReplicationConfig{
		Stores: d.ReplicateTo, Keep: d.ReplicaKeep, Rate: d.ReplicateRate, Spaces: d.ReplicateSpaces, Items: d.ReplicateItems,
		Alone: true, // the database is locked by this process
	}
	if !serving {
		r.Pause = -1
	}
	return r
}

func (c *config) dura() duracloud.Config {
	return duracloud.Config{
		Prefix: c.DuraCloud.Prefix, Account: c.DuraCloud.Account, Hosts: c.DuraCloud.Hosts, HTTPDates: c.DuraCloud.HTTPDates,
		TrustedProxies: networks(c.TrustedProxies),
	}
}

// openStores opens the content of the further stores and joins it with that of
// the primary one. A store whose directory cannot be opened answers all of its
// own requests with the failure; the others serve.
func (o *opened) openStores(c config, log *slog.Logger) blob.Blobs {
	o.further = make(map[uint8]*dirblob.Store, len(c.Stores))
	all := make(map[uint8]blob.Blobs, len(c.Stores))
	for _, s := range c.Stores {
		n := uint8(s.ID)
		dir, err := dirblob.Open(s.Directory, dirblob.Options{Floor: c.FreeSpace, Logger: log})
		if err != nil {
			log.Error("a store cannot be opened", "store", s.ID, "err", err)
			o.away = append(o.away, n)
			all[n] = volumes.Away{Err: fmt.Errorf("store %d: %w", s.ID, err)}
			continue
		}
		o.close = append(o.close, dir.Close)
		o.further[n], all[n] = dir, dir
	}
	return volumes.New(o.blobs, all)
}

// limited names the further stores that cannot be used, or take no changes.
func (o *opened) limited() []string {
	var list []string
	stopped := o.store.StoppedVolumes()
	for n := uint8(1); n <= volumes.Max; n++ {
		switch {
		case slices.Contains(o.away, n):
			list = append(list, fmt.Sprintf("store %d is away", n))
		case stopped[n] != nil:
			list = append(list, fmt.Sprintf("store %d takes no content", n))
		}
	}
	return list
}

// holder is the directory that has a piece of content.
func (o *opened) holder(id blob.ID) *dirblob.Store {
	if dir := o.further[volumes.Of(id)]; dir != nil {
		return dir
	}
	return o.blobs
}
