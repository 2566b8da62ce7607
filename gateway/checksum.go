package gateway

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"io"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// AddSHA1 returns an object with its SHA-1, which is computed from the content
// where nobody asked for it when that was put, and kept from then on. Nothing
// else of the object changes. The caller needs the right to write it and the
// tokens of its locks. Conflict when it is replaced meanwhile, and for what
// stands for other objects.
func (o *Objects) AddSHA1(ctx context.Context, ref Ref, tokens []string) (Object, error) {
	if _, err := o.locate(ctx, auth.PrincipalOf(ctx), ref); err != nil {
		return Object{}, err
	}
	found, content, err := o.OpenWith(ctx, ref, ReadOptions{Link: true})
	if err != nil || found.SHA1 != "" {
		if content != nil {
			content.Close() //nolint:errcheck // it was only opened
		}
		return found, err
	}
	defer content.Close() //nolint:errcheck // it was only read
	sum := sha1.New()
	if _, err := io.CopyBuffer(sum, io.NewSectionReader(content, 0, content.Size()), make([]byte, 256<<10)); err != nil {
		return Object{}, err
	}
	err = o.change(ctx, ref, false, tokens, func(tx *store.Tx, s *scope, old *store.Object, _ auth.Principal, now store.Stamp) error {
		if old.Special() || hex.EncodeToString(old.Content.SHA256[:]) != found.SHA256 {
			return errs.New("objects.AddSHA1", errs.Conflict, "", "The object was replaced meanwhile, or stands for others.")
		}
		next := *old
		next.Born, next.Content.SHA1 = s.container.Epoch, sum.Sum(nil)
		tx.PutObject(&s.container, old, &next, now)
		found = s.show(&next)
		return nil
	})
	return found, err
}
