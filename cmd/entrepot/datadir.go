package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/protocols/duracloud"
	"entrepot/store"
	"entrepot/store/blob/dirblob"
	"entrepot/store/kv/boltkv"
)

// Names in the data directory.
const (
	databaseName = "entrepot.db"
	blobsName    = "blobs"
	secretsName  = "secrets"
	serverKey    = "server.key"
	depotSalt    = "depot.salt"

	documentSecret = "depot-document.secret" // makes the tokens in depot documents
	documentKey    = "depot-document.key"    // Ed25519 seed in hex, signs depot documents
)

// opened is a data directory in use by this process.
type opened struct {
	gateway *gateway.Gateway
	store   *store.Store
	engine  *boltkv.Engine
	blobs   *dirblob.Store           // of the primary store
	further map[uint8]*dirblob.Store // of the others, by number
	address string                   // where this machine reaches the doors of this process; "": nowhere
	away    []uint8                  // stores that could not be opened
	close   []func() error
}

// Close ends everything, the last opened first.
func (o *opened) Close() error {
	var all []error
	for i := len(o.close) - 1; i >= 0; i-- {
		all = append(all, o.close[i]())
	}
	return errors.Join(all...)
}

// needStore refuses a data directory without a store, where making an empty one
// would hide that the directory is the wrong one.
func needStore(data string) error {
	_, err := os.Stat(filepath.Join(data, databaseName))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoStore{data}
	}
	return err
}

// errNoStore tells that a directory holds no store.
type errNoStore struct{ data string }

// Error names the directory.
func (e errNoStore) Error() string {
	return "there is no store in " + e.data + " (--data names the directory)"
}

// ExitCode tells scripts that there is no such thing.
func (errNoStore) ExitCode() int { return exitNotFound }

// open opens the store in the data directory, which is made when it is
// missing. kv.ErrInUse tells that another process has it. stopped is told when
// writing has ended after a failed commit.
func open(ctx context.Context, c config, log *slog.Logger, stopped func(error)) (_ *opened, err error) {
	if err := makeDir(c.Data); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	o := &opened{}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	engine, err := boltkv.Open(filepath.Join(c.Data, databaseName), boltkv.Options{Logger: log, OnStop: stopped})
	if err != nil {
		return nil, err
	}
	o.close = append(o.close, engine.Close)
	blobs, err := dirblob.Open(filepath.Join(c.Data, blobsName), dirblob.Options{Floor: c.FreeSpace, Logger: log})
	if err != nil {
		return nil, err
	}
	o.close = append(o.close, blobs.Close)
	o.engine, o.blobs = engine, blobs
	o.store, err = store.Open(ctx, engine, o.openStores(c, log), store.Options{
		InlineLimit: c.InlineLimit, Logger: log, ScrubRate: c.scrubRate(), Grace: c.SweepGrace, JournalKeep: c.AuditKeep,
	})
	if err != nil {
		return nil, err
	}
	o.close = append(o.close, o.store.Close)
	o.gateway, err = gateway.New(ctx, o.store, gateway.Config{
		MaxObject: c.MaxObject, LockDefault: c.DAV.LockDefault, LockMax: c.DAV.LockMax, MaxTree: c.DAV.MaxTree,
		Stores: c.stores(), Manifests: duracloud.Manifests{}, Chunks: duracloud.Chunks{}, VerifyEvery: c.VerifyEvery, EnforceTraffic: c.Depot.EnforceTraffic, NoDepotUsers: c.Depot.NoUsersOnDemand, Consent: c.Consent,
		DepotLog: time.Duration(c.Depot.LogDays) * 24 * time.Hour, Logger: log,
		RemovalDelay: c.AccountRemovalDelay,
		Replication:  c.replication(stopped != nil),
	})
	if err != nil {
		return nil, err
	}
	o.close = append(o.close, o.gateway.Close)
	return o, nil
}

// secret reads a secret of the data directory, or makes a random one of 256
// bits in hex. The file has mode 0600 and is complete before it bears its
// name; a trailer line end is not part of the secret.
func secret(data, name string) (auth.Secret, error) {
	dir := filepath.Join(data, secretsName)
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err == nil {
		return auth.NewSecret(strings.TrimRight(string(text), "\r\n")), checkMode(path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return auth.Secret{}, err
	}
	if err := makeDir(dir); err != nil {
		return auth.Secret{}, err
	}
	value, err := randomSecret()
	if err != nil {
		return auth.Secret{}, err
	}
	return auth.NewSecret(value), writeSecret(dir, path, value+"\n")
}

// randomSecret returns 256 random bits in hex.
func randomSecret() (string, error) {
	var b [32]byte
	_, err := rand.Read(b[:])
	return hex.EncodeToString(b[:]), err
}

// writeSecret writes a new file durably.
func writeSecret(dir, path, text string) (err error) {
	tmp, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	if _, err := tmp.WriteString(text); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// checkMode refuses a secret that others may read.
func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s may be read by others: chmod 600 it", path)
	}
	return nil
}

// makeDir makes a directory, and those above it, durably: a name is safe only
// when the directory that holds it was synced.
func makeDir(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	parent := filepath.Dir(path)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
