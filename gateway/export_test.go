package gateway

import "context"

// FlushUses writes down at once which applications were used.
func (g *Gateway) FlushUses(ctx context.Context) { g.core.uses.flush(ctx) }
