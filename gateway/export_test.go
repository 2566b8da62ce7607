package gateway

import "context"

// FlushUses writes down at once which applications were used.
func (g *Gateway) FlushUses(ctx context.Context) { g.core.uses.flush(ctx) }

// PlanJobs queues the comparisons that are due, which the gateway does by
// itself every so often.
func (g *Gateway) PlanJobs(ctx context.Context) error { return g.core.jobs.schedule(ctx) }
