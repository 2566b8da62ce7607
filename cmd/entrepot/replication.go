package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"entrepot/gateway"
	"entrepot/protocols/admin"
)

func (p *program) replicationCommand() *cobra.Command {
	out := &output{program: p}
	cmd := &cobra.Command{
		Use: "replication", Short: "Manage replicas of spaces in further stores",
		Long: "Manage which spaces are replicated into further stores, and see how that stands." + adminHelp,
		Args: noArgs, RunE: needsSubcommand,
	}
	out.flag(cmd)
	cmd.AddCommand(p.replicationStatus(out), p.replicationSet(out), p.replicationRepair(out),
		p.replicationAsk("compare", admin.MethodReplicationCompare,
			"Compare a space with its replicas anew", "Compare a space with its replicas name by name in the background, and bring in step what differs."),
		p.replicationAsk("retry", admin.MethodReplicationRetry,
			"Try what failed again now", "Try everything that failed again now, instead of when its time has come."),
		p.replicationAsk("release", admin.MethodReplicationRelease,
			"Make the replica of a deleted space an ordinary space", "Make the replica of a deleted space an ordinary one, which stays: ACCOUNT is that of the store, such as press.2."))
	return cmd
}

// spaceArg reads ACCOUNT/SPACE.
func spaceArg(text string) (admin.ContainerName, error) {
	account, space, ok := strings.Cut(text, "/")
	if !ok || account == "" || space == "" || strings.Contains(space, "/") {
		return admin.ContainerName{}, errUsage{fmt.Errorf("a space is ACCOUNT/SPACE: %q", text)}
	}
	return admin.ContainerName{Account: longAccount(account), Container: space}, nil
}

func (p *program) replicationAsk(use, method, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: use + " ACCOUNT/SPACE", Short: short, Long: long, Args: oneArg("space"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := spaceArg(args[0])
			if err != nil {
				return err
			}
			return p.administer(cmd.Context(), method, name, nil)
		},
	}
}

func (p *program) replicationSet(out *output) *cobra.Command {
	var stores []int
	var none, byDefault, adopt bool
	cmd := &cobra.Command{
		Use:   "set ACCOUNT/SPACE",
		Short: "Choose into which stores a space is replicated",
		Long: "Choose into which stores a space is replicated: --store for each, --none, or --default for what the configuration says. " +
			"The replica is read-only while that stands.",
		Args: oneArg("space"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := spaceArg(args[0])
			if err != nil {
				return err
			}
			chosen := 0
			for _, on := range []bool{len(stores) > 0, none, byDefault} {
				if on {
					chosen++
				}
			}
			if chosen != 1 {
				return errUsage{errors.New("one of --store, --none and --default is needed")}
			}
			var set admin.Replication
			params := admin.SetReplication{ContainerName: name, Stores: append([]int{}, stores...), Default: byDefault, Adopt: adopt}
			if err := p.administer(cmd.Context(), admin.MethodReplicationSet, params, &set); err != nil {
				return err
			}
			return out.print(set, nil)
		},
	}
	cmd.Flags().IntSliceVar(&stores, "store", nil, "number of a store; may be repeated")
	cmd.Flags().BoolVar(&none, "none", false, "replicate it nowhere")
	cmd.Flags().BoolVar(&byDefault, "default", false, "replicate it as the configuration says")
	cmd.Flags().BoolVar(&adopt, "adopt", false, "take over a space of the store that is not empty: what the source lacks is removed from it")
	return cmd
}

func (p *program) replicationRepair(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "repair ACCOUNT/SPACE",
		Short: "Replace damaged content by the sound one of another store",
		Long: "Look for objects of a space and of its replicas whose content is in quarantine, and give them that of another store: " +
			"it is copied while its size and digests are compared with the record of the damaged one. The gateway does this by itself, too.",
		Args: oneArg("space"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := spaceArg(args[0])
			if err != nil {
				return err
			}
			var done admin.Repaired
			if err := p.administer(cmd.Context(), admin.MethodReplicationRepair, name, &done); err != nil {
				return err
			}
			err = out.print(done, func(t *table) {
				for _, name := range done.Names {
					t.line(name, "damaged on all sides")
				}
				t.line(fmt.Sprintf("%d objects looked at, %d repaired, %d left", done.Looked, done.Repaired, done.Left))
			})
			if err == nil && done.Left > 0 {
				err = fmt.Errorf("%d objects have no sound content in any store", done.Left)
			}
			return err
		},
	}
}

func (p *program) replicationStatus(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "status [ACCOUNT/SPACE]",
		Short: "Show how replications stand",
		Long:  "Show how all replications stand, or those of one space with the items that fail.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				list, err := p.allReplicas(cmd.Context())
				if err != nil {
					return err
				}
				return out.print(list, func(t *table) { replicasTable(t, list) })
			}
			name, err := spaceArg(args[0])
			if err != nil {
				return err
			}
			var one admin.Replication
			if err := p.administer(cmd.Context(), admin.MethodReplicationGet, name, &one); err != nil {
				return err
			}
			return out.print(one, func(t *table) {
				replicasTable(t, one.Replicas)
				for i := range one.Replicas {
					for _, f := range one.Replicas[i].Failures {
						t.line("store "+strconv.Itoa(one.Replicas[i].Store), f.Item, strconv.FormatInt(f.Attempts, 10)+" failures", f.Reason)
					}
				}
			})
		},
	}
}

// allReplicas asks for all replications, page by page.
func (p *program) allReplicas(ctx context.Context) ([]admin.Replica, error) {
	all := []admin.Replica{}
	for marker := ""; ; {
		var page admin.Replicas
		if err := p.administer(ctx, admin.MethodReplicationList, admin.ReplicaPage{Marker: marker}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Replicas...)
		if marker = page.Marker; marker == "" {
			return all, nil
		}
	}
}

func replicasTable(t *table, list []admin.Replica) {
	t.line("SPACE", "STORE", "STATE", "PENDING", "FAILED", "SINCE", "")
	for _, r := range list {
		since := "-"
		if r.Since != nil {
			since = r.Since.Format(time.DateTime)
		}
		more := ""
		if r.More {
			more = "+"
		}
		note := r.Reason
		if r.Until != nil {
			note = "kept until " + r.Until.Format(time.DateTime)
		}
		t.line(shortAccount(r.Account)+"/"+r.Space, strconv.Itoa(r.Store), r.State, strconv.FormatInt(r.Pending, 10)+more, strconv.FormatInt(r.Failed, 10), since, note)
	}
}

// replicaMetrics shows how replication stands among the metrics.
type replicaMetrics struct {
	replication *gateway.Replication
	items       *prometheus.Desc
	bytes       *prometheus.Desc
	failures    *prometheus.Desc
	mended      *prometheus.Desc
	replicas    *prometheus.Desc
	held        *prometheus.Desc
	pending     *prometheus.Desc
	failed      *prometheus.Desc
	lag         *prometheus.Desc
}

func newReplicaMetrics(r *gateway.Replication) *replicaMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("entrepot_replication_"+name, help, labels, nil)
	}
	return &replicaMetrics{
		replication: r,
		items:       desc("items_total", "Objects that were brought in step in replicas, by what was done.", "did"),
		bytes:       desc("read_bytes_total", "Bytes of content read to be copied to other stores."),
		failures:    desc("failures_total", "Attempts to bring something in step that failed."),
		mended:      desc("mended_total", "Objects whose damaged content was replaced by that of another store."),
		replicas:    desc("replicas", "Replications that are set, and replicas that are kept."),
		held:        desc("held", "Replications where nothing gets there."),
		pending:     desc("pending", "Names that are to be brought in step, at most 10000 of each replication."),
		failed:      desc("pending_failed", "Those of the pending names that failed at least once."),
		lag:         desc("lag_seconds", "Age of the first change that has not arrived, of the first 10000 names of each replication."),
	}
}

// Describe implements prometheus.Collector.
func (m *replicaMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

// metricsPatience is how long the store may take to say how replication stands.
const metricsPatience = 10 * time.Second

// Collect implements prometheus.Collector. The context of a scrape does not
// reach a collector.
func (m *replicaMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsPatience)
	defer cancel()
	s, err := m.replication.Summary(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(m.replicas, err)
		return
	}
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n)
	}
	count(m.items, s.Items, "written")
	count(m.items, s.Removed, "removed")
	count(m.bytes, s.Bytes)
	count(m.failures, s.Failures)
	count(m.mended, s.Mended)
	gauge(m.replicas, float64(s.Replicas))
	gauge(m.held, float64(s.Held))
	gauge(m.pending, float64(s.Pending))
	gauge(m.failed, float64(s.Failed))
	gauge(m.lag, s.Lag.Seconds())
}
