// SPDX-License-Identifier: Apache-2.0

package stamp

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestRFC3339(t *testing.T) {
	f := RFC3339()
	r := rand.New(rand.NewPCG(1, 1))
	at := int64(0)
	for i := range 10_000 {
		switch {
		case i%10 == 0:
			at = r.Int64() - r.Int64()
		default:
			at += r.Int64N(1e9)
		}
		want := time.Unix(0, at).UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
		if got := string(f.Append(nil, at)); got != want {
			t.Fatalf("%d: got %s, want %s", at, got, want)
		}
	}
	for at, want := range map[int64]string{
		0:             "1970-01-01T00:00:00.000000000Z",
		-1:            "1969-12-31T23:59:59.999999999Z",
		math.MinInt64: "1677-09-21T00:12:43.145224192Z",
		math.MaxInt64: "2262-04-11T23:47:16.854775807Z",
	} {
		if got := string(RFC3339().Append(nil, at)); got != want {
			t.Errorf("%d: got %s, want %s", at, got, want)
		}
	}
}

func TestZone(t *testing.T) {
	f := New("15:04:05", "-0700", time.FixedZone("IST", 5*3600+1800))
	if got := string(f.Append([]byte("at "), 1)); got != "at 05:30:00.000000001+0530" {
		t.Errorf("got %s", got)
	}
}

func TestSeconds(t *testing.T) {
	for _, c := range []struct {
		ns     int64
		digits int
		want   string
	}{
		{0, 6, "0.000000"}, {13_999, 6, "0.000013"}, {1_500_000_000, 9, "1.500000000"}, {-1_500_000_000, 3, "-1.500"},
		{math.MaxInt64, 9, "9223372036.854775807"}, {math.MinInt64, 9, "-9223372036.854775808"},
	} {
		if got := string(Seconds(nil, c.ns, c.digits)); got != c.want {
			t.Errorf("%d: got %s, want %s", c.ns, got, c.want)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	f := RFC3339()
	var dst []byte
	for i := 0; b.Loop(); i++ {
		dst = f.Append(dst[:0], 1_700_000_000_000_000_000+int64(i)*1000)
	}
}
