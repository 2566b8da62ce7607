package auth_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/auth"
)

// costly is a fixture whose passwords cost what they do in use.
func costly(b *testing.B, edit func(*auth.Config)) *fixture {
	b.Helper()
	hash, err := auth.HashPassword("testing")
	if err != nil {
		b.Fatal(err)
	}
	f := newFixture(b, func(c *auth.Config) {
		c.Hash, c.Now = auth.DefaultHash(), time.Now
		if edit != nil {
			edit(c)
		}
	})
	f.dir.change("tester", func(u *auth.User) { u.PasswordHash = hash })
	return f
}

func median(list []time.Duration) time.Duration { return quantile(list, 50) }

func quantile(list []time.Duration, percent int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[(len(list)-1)*percent/100]
}

// BenchmarkS1Medians asks for an unknown user and for a known one with a wrong
// password in turn, and reports both medians and by how much they differ.
func BenchmarkS1Medians(b *testing.B) {
	unlimited := auth.Limit{Burst: 1 << 20, Every: 1}
	f := costly(b, func(c *auth.Config) {
		c.Throttle = auth.ThrottleConfig{Pair: unlimited, User: unlimited, Address: unlimited}
	})
	took := map[string][]time.Duration{}
	for i := range b.N {
		for _, user := range []string{"tester", "nobody"} {
			start := time.Now()
			if _, err := f.Password(b.Context(), user, "wrong"+strconv.Itoa(i), home); err == nil {
				b.Fatal("a wrong password was right")
			}
			took[user] = append(took[user], time.Since(start))
		}
	}
	known, unknown := median(took["tester"]), median(took["nobody"])
	b.ReportMetric(float64(known.Microseconds()), "µs/wrong")
	b.ReportMetric(float64(unknown.Microseconds()), "µs/unknown")
	b.ReportMetric(100*(float64(unknown)/float64(known)-1), "%apart")
}

// BenchmarkFloodOfWrongPasswords gives 10,000 wrong passwords a second, of many
// users from many addresses, and meanwhile asks as a user who is logged in.
func BenchmarkFloodOfWrongPasswords(b *testing.B) {
	const perSecond, workers = 10_000, 64
	f := costly(b, nil)
	f.loginOK(b, "tester", "testing", home)
	token, _, err := f.Issue(b.Context(), "tester", "testing", home)
	if err != nil {
		b.Fatal(err)
	}
	var stop atomic.Bool
	var guesses atomic.Int64
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			tick := time.NewTicker(time.Second * workers / perSecond)
			defer tick.Stop()
			for !stop.Load() {
				<-tick.C
				var from [4]byte
				binary.BigEndian.PutUint32(from[:], r.Uint32N(1<<16)|10<<24)
				user := "tester"
				if r.IntN(2) == 0 {
					user = "user" + strconv.Itoa(r.IntN(10_000))
				}
				go func() {
					_, _ = f.Password(b.Context(), user, "wrong"+strconv.FormatUint(rand.Uint64(), 36), netip.AddrFrom4(from)) // refused, however
					guesses.Add(1)
				}()
			}
		})
	}
	time.Sleep(time.Second)
	var passwords, tokens []time.Duration
	begun, before := time.Now(), guesses.Load()
	b.ResetTimer()
	for range b.N {
		start := time.Now()
		if _, err := f.Password(b.Context(), "tester", "testing", home); err != nil {
			b.Fatal(err)
		}
		passwords = append(passwords, time.Since(start))
		start = time.Now()
		if _, err := f.Token(b.Context(), token.Value, home); err != nil {
			b.Fatal(err)
		}
		tokens = append(tokens, time.Since(start))
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(guesses.Load()-before)/time.Since(begun).Seconds(), "guesses/s")
	stop.Store(true)
	done.Wait()
	b.ReportMetric(float64(median(passwords).Nanoseconds())/1e3, "µs/password-p50")
	b.ReportMetric(float64(quantile(passwords, 99).Nanoseconds())/1e3, "µs/password-p99")
	b.ReportMetric(float64(median(tokens).Nanoseconds())/1e3, "µs/token-p50")
}
