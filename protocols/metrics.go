package protocols

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Metrics counts what the front does, in a registry of its own. Other parts of
// the program may register theirs with Registry.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	failures *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	sent     *prometheus.CounterVec
	aborted  prometheus.Counter
	inFlight prometheus.Gauge
	refused  prometheus.Counter
}

// NewMetrics returns metrics with all counters at zero, those of the Go
// runtime and the process among them.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "entrepot_requests_total", Help: "Requests by door, operation and status.",
		}, []string{"face", "op", "status"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "entrepot_failures_total", Help: "Failed requests by door and kind of failure.",
		}, []string{"face", "kind"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "entrepot_request_seconds", Help: "Time from the end of the headers to the end of the handler.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"face"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "entrepot_sent_bytes_total", Help: "Bytes of bodies sent, by door.",
		}, []string{"face"}),
		aborted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "entrepot_requests_aborted_total", Help: "Requests whose connection was given up.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "entrepot_requests_in_flight", Help: "Requests being served now.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "entrepot_connections_refused_total", Help: "Connections closed because their address held too many.",
		}),
	}
	m.registry.MustRegister(m.requests, m.failures, m.seconds, m.sent, m.aborted, m.inFlight, m.refused,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry returns where the counters are registered.
func (m *Metrics) Registry() prometheus.Registerer { return m.registry }

// observe counts one request. Label values come from small fixed sets: names
// of faces and operations, statuses, kinds.
func (m *Metrics) observe(e *httpkit.Event, status int, sent int64, took time.Duration, finished bool) {
	face := e.Face
	if face == "" {
		face = "front"
	}
	m.requests.WithLabelValues(face, e.Op, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(face).Observe(took.Seconds())
	m.sent.WithLabelValues(face).Add(float64(sent))
	if e.Err != nil {
		m.failures.WithLabelValues(face, errs.Of(e.Err).String()).Inc()
	}
	if !finished {
		m.aborted.Inc()
	}
}

// handler writes the counters in Prometheus's text format.
func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
