package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/protocols/depot"
	"entrepot/protocols/depot/wire"
)

// depotFace makes the face of the depot API.
func (s *server) depotFace(c depotConfig, secrets *secretsFromEnv) (*depot.Face, error) {
	var err error
	if s.documents, err = s.signer(); err != nil {
		return nil, err
	}
	hosts := make([]depot.Host, len(c.Hosts))
	for i, h := range c.Hosts {
		hosts[i] = depot.Host{Location: h.Location, Addresses: networks(h.Addresses), URL: h.URL}
	}
	return depot.New(depot.Config{
		Paths: c.Paths, Allow: networks(c.Allow), MaxBody: c.MaxBody, Window: c.RequestTimeWindow,
		Keys: auth.DepotKeys{
			Salt: secrets.depotSalt, PreviousSalt: secrets.depotPrevious, HMACKey: secrets.depotHMAC,
			Optional: c.ChecksumOptional, RefuseMD5: c.RefuseMD5,
		},
		AllowReplay: c.AllowReplay, NoLog: c.NoLog, ReturnSpaceNames: c.ReturnSpaceNames && c.StoreSpaceNames,
		ProviderCode: c.ProviderCode, Rate: c.RateLimit, Lockout: c.Lockout, BigInt: wire.BigInt(c.BigInt),
		Documents: s.documents, Hosts: hosts,
	}, s.data.gateway.Depots, s.auth, s.log, time.Now)
}

// signer makes what signs depot documents. Its secrets are made at the
// first start and lie in the data directory.
func (s *server) signer() (*gateway.Documents, error) {
	token, err := secret(s.config.Data, documentSecret)
	if err != nil {
		return nil, err
	}
	key, err := secret(s.config.Data, documentKey)
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(key.Reveal())
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s/%s is no Ed25519 seed: %d hex digits are needed", secretsName, documentKey, 2*ed25519.SeedSize)
	}
	return gateway.NewDocuments(strings.TrimSuffix(s.url, "/")+"/", token, ed25519.NewKeyFromSeed(seed))
}
