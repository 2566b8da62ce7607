package store

import (
	"bytes"
	"context"

	"entrepot/store/kv"
)

// pageRows is how many rows a walk over the store reads in one view.
const pageRows = 1000

// pages walks over a range page by page, each on a view of its own, so that no
// view lives long. fn gets the rows, which die with it, and the view's reader
// to look up what they refer to. It may be called again for the same page.
func (s *Store) pages(ctx context.Context, r kv.Range, fn func(v kv.Reader, items []kv.Item) error) error {
	for more := true; more; {
		err := s.engine.View(ctx, func(v kv.Reader) (err error) {
			r.From, more, err = step(v, r, fn)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// allPages walks over a range on one reader.
func allPages(v kv.Reader, r kv.Range, fn func(v kv.Reader, items []kv.Item) error) error {
	for more := true; more; {
		var err error
		if r.From, more, err = step(v, r, fn); err != nil {
			return err
		}
	}
	return nil
}

// step does one page and returns where the next one begins.
func step(v kv.Reader, r kv.Range, fn func(v kv.Reader, items []kv.Item) error) (next []byte, more bool, err error) {
	page, err := v.Scan(r, pageRows)
	if err != nil {
		return nil, false, err
	}
	next = bytes.Clone(page.Next)
	return next, next != nil, fn(v, page.Items)
}

// dropRows removes those rows of a range that are stale, page by page, each
// page in a transaction of its own. The rows must need no lock.
func (s *Store) dropRows(ctx context.Context, r kv.Range, stale func(*View, kv.Item) (bool, error)) error {
	for more := true; more; {
		var drop [][]byte
		var next []byte
		err := s.engine.View(ctx, func(v kv.Reader) (err error) {
			drop = nil
			next, more, err = step(v, r, func(v kv.Reader, items []kv.Item) error {
				for _, item := range items {
					is, err := stale(&View{r: v}, item)
					if err != nil {
						return err
					}
					if is {
						drop = append(drop, bytes.Clone(item.Row))
					}
				}
				return nil
			})
			return err
		})
		if err == nil && len(drop) > 0 {
			err = s.engine.Update(ctx, nil, func(tx kv.Tx) error {
				for _, row := range drop {
					tx.Delete(key(r.Table, row))
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
		r.From = next
	}
	return nil
}
