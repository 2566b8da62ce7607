package store

import (
	"context"
	"fmt"
	"sync/atomic"

	"entrepot/gateway/errs"
	"entrepot/store/blob/volumes"
)

// stoppedVolumes are the failures that ended writing of content in further
// volumes.
type stoppedVolumes [volumes.Max + 1]atomic.Pointer[error]

// failed gives a failure to write the content of an upload its kind. A failed
// sync is final for the engine that it happened in, which takes nothing more
// until a restart: that of the first volume stands on the machine's own disk,
// beside the records, and ends all writing; a further one ends its own. No
// record names content whose sync failed, and the engines share nothing, so what
// the others acknowledge is as durable as before.
func (u *Upload) failed(err error) error {
	if u.volume == 0 {
		return u.s.writeFailed(err)
	}
	err = fail("store.Write", err)
	if errs.ReasonOf(err) == errs.SyncFailed && u.s.volumes[u.volume].CompareAndSwap(nil, &err) {
		u.s.raise(context.WithoutCancel(u.ctx), EventStopped, fmt.Sprintf("volume %d", u.volume),
			"writing of content has stopped until a restart: "+err.Error())
	}
	return err
}

// StoppedVolumes tells why writing of content in further volumes has ended, by
// their numbers; empty while all is well.
func (s *Store) StoppedVolumes() map[uint8]error {
	out := make(map[uint8]error)
	for i := range s.volumes {
		if err := s.volumes[i].Load(); err != nil {
			out[uint8(i)] = *err
		}
	}
	return out
}
