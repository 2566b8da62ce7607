package admin

import (
	"context"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// MethodKeyAdd makes an API key.
const MethodKeyAdd = "key.add"

// NewKey is what key.add takes, and Key its answer: the only time that the key
// itself is seen.
type NewKey struct {
	Application string `json:"application"`
}

func (k NewKey) target() string { return k.Application }

// Key is the answer of key.add.
type Key struct {
	Key string `json:"key"`
}

func (f *Face) addKey(ctx context.Context, k NewKey) (Key, error) {
	if k.Application == "" || len(k.Application) > 128 {
		return Key{}, errs.New("admin.key", errs.Invalid, "", "an application has a name of 1 to 128 bytes")
	}
	key, err := auth.NewAPIKey(f.deps.Random)
	if err != nil {
		return Key{}, err
	}
	err = f.deps.Accounts.AddKey(ctx, auth.KeyRecord{
		Digest: auth.KeyDigest(key.Reveal()), Application: k.Application, Created: f.deps.Now(),
	})
	return Key{Key: key.Reveal()}, err
}
