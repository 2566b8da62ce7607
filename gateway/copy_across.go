package gateway

import (
	"context"
	"io"
)

// copyAcross copies an object into another store: its content is read, checked
// against its digest on the way, and written there.
func (o *Objects) copyAcross(ctx context.Context, src, dst Ref, opt *CopyOptions) (source Object, result PutResult, err error) {
	source, content, err := o.Open(ctx, src, opt.Source)
	if err != nil {
		return source, PutResult{}, err
	}
	defer content.Close()
	put := PutOptions{
		Size: content.Size(), ContentType: opt.ContentType, Headers: opt.Headers, Properties: opt.Properties,
		DeleteAt: opt.DeleteAt, Conditions: opt.Target, Item: opt.Item, copied: true,
	}
	if put.ContentType == "" {
		put.ContentType = source.ContentType
	}
	if !opt.Fresh {
		put.Headers, put.Properties = over(source.Headers, opt.Headers), over(source.Properties, opt.Properties)
		delete(put.Headers, "x-object-manifest") // its parts were read
		if put.DeleteAt.IsZero() && !opt.NoExpiry {
			put.DeleteAt = source.DeleteAt
		}
	}
	if len(source.MD5) == 32 {
		put.Digests = []Digest{{Algorithm: "md5", Sum: source.MD5}}
	}
	result, err = o.Put(ctx, dst, io.NewSectionReader(content, 0, content.Size()), put)
	return source, result, err
}
