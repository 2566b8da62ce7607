package gateway

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"

	"entrepot/gateway/errs"
	"entrepot/store"
)

// A ManifestWriter writes the manifests of spaces in the forms of a door. It
// is given to the gateway, which knows no wire formats, for those that are
// written in the background.
type ManifestWriter interface {
	// Begin appends what stands before the first item, and tells the content
	// type. It fails with errs.Invalid for a form that there is not.
	Begin(b []byte, form string) (head []byte, contentType string, err error)
	// Append appends lines of items.
	Append(b []byte, form, space string, items []ManifestItem) []byte
	// BeginIntegrity appends what stands before the first row of a report on
	// integrity, and tells the content type.
	BeginIntegrity(b []byte) (head []byte, contentType string)
	// AppendIntegrity appends rows of a report; first tells that none went
	// before.
	AppendIntegrity(b []byte, first bool, rows []IntegrityRow) []byte
}

// writeManifest does a job that RequestManifest queued.
func (s *Spaces) writeManifest(ctx context.Context, job *store.Job) error {
	if s.cfg.Manifests == nil {
		return errs.Wrap("spaces.writeManifest", errs.NotFound, "", errors.New("nobody can write manifests"))
	}
	ref, err := s.refOf(ctx, job.Container)
	if err != nil {
		return err
	}
	head, contentType, err := s.cfg.Manifests.Begin(nil, job.Option)
	if err != nil {
		return errs.Wrap("spaces.writeManifest", errs.NotFound, "", err)
	}
	account, object, _ := strings.Cut(job.Name, "/")
	renew := s.renewed(ctx, job)
	return s.writeObject(ctx, Ref{Account: account, Container: adminSpace, Object: object}, job.User, PutOptions{
		ContentType: contentType, Headers: Properties{contentEncoding: "gzip"}, Item: true,
		DeleteAt: job.Since.Time().Add(manifestLife), readersOf: job.Container,
	}, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		if _, err := z.Write(head); err != nil {
			return err
		}
		var b []byte
		err := s.Manifest(asSystem(ctx, ref.Account, job.User), ref, "", func(page []ManifestItem) error {
			b = s.cfg.Manifests.Append(b[:0], job.Option, ref.Container, page)
			if err := renew(); err != nil {
				return err
			}
			_, err := z.Write(b)
			return err
		})
		return errors.Join(err, z.Close())
	})
}
