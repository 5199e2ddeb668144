// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

func bytesOf[T Integer](s []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(zero)))
}

var decoder, _ = zstd.NewReader(nil)

func roundTrip[T Integer](t testing.TB, e *Encoder, name string, column []T) []byte {
	t.Helper()
	prefix := []byte("before")
	frame := Append(e, prefix, column)
	if !bytes.HasPrefix(frame, prefix) {
		t.Fatalf("%s: Append changed dst", name)
	}
	got, err := decoder.DecodeAll(frame[len(prefix):], nil)
	if err != nil {
		t.Fatalf("%s: %d values: %v", name, len(column), err)
	}
	if !bytes.Equal(got, bytesOf(column)) {
		t.Fatalf("%s: %d values: other ones after decoding", name, len(column))
	}
	return frame[len(prefix):]
}

// columns returns columns of n values by name: like those of captures, and such that are hard to encode.
func columns(n int, r *rand.Rand) map[string][]int64 {
	c := make(map[string][]int64)
	fill := func(name string, f func(i int) int64) {
		v := make([]int64, n)
		for i := range v {
			v[i] = f(i)
		}
		c[name] = v
	}
	t := int64(1_700_000_000_000_000_000)
	fill("time", func(int) int64 { t += int64(r.ExpFloat64() * 3000); return t })
	fill("duration", func(int) int64 { return int64(r.ExpFloat64() * 700) })
	fill("zero", func(int) int64 { return 0 })
	fill("constant", func(int) int64 { return -7 })
	fill("random", func(int) int64 { return int64(r.Uint64()) })
	fill("small", func(int) int64 { return int64(r.IntN(7)) })
	fill("addresses", func(int) int64 { return 0x7f32_1000_0000 + int64(r.IntN(64))*4096 })
	fill("two regions", func(int) int64 {
		if r.IntN(2) == 0 {
			return 0x5555_0000_0000 + int64(r.IntN(1<<20))
		}
		return 0x7f32_1000_0000 + int64(r.IntN(1<<20))
	})
	fill("period", func(i int) int64 { return []int64{3, 0x7ffd_1234_5678, -1, 4096, 0, 0, 9}[i%7] })
	fill("period with noise", func(i int) int64 {
		if r.IntN(10) == 0 {
			return int64(r.IntN(1 << 30))
		}
		return []int64{3, 0x7ffd_1234_5678, -1, 4096, 0, 0, 9}[i%7]
	})
	fill("runs", func(i int) int64 { return int64(i / 1000 * 77777) })
	fill("late", func(i int) int64 {
		if i < n*9/10 {
			return 0
		}
		return int64(r.Uint64())
	})
	fill("two in turn, seldom a third", func(i int) int64 {
		if r.IntN(20) == 0 {
			return 0x960b_c03b_f00
		}
		return []int64{0, 0x4dc0}[i%2]
	})
	sizes := []int64{0, 1, 0x4dc0, 0x960b_c03b_f00, -4096, 1 << 40}
	fill("few of many sizes", func(int) int64 { return sizes[r.IntN(6)] })
	fill("signs", func(i int) int64 { return int64(r.IntN(3)) - 1 })
	fill("every byte", func(i int) int64 { return int64(i&255) * 0x0101_0101_0101_0101 })
	return c
}

func TestRoundTrip(t *testing.T) {
	e := New()
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{
		0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 63, 64, 100, 255, 1000, 4096, 16383, 16384, 16385, 40000, 65536, 100001,
	} {
		for name, v := range columns(n, r) {
			roundTrip(t, e, name, v)
			w := make([]int32, len(v))
			for i := range v {
				w[i] = int32(v[i])
			}
			roundTrip(t, e, name+", 4 bytes", w)
		}
	}
}

// structured returns a column of few values of many sizes, which repeat with a period or some noise, or count up.
func structured(r *rand.Rand) []int64 {
	values := make([]int64, 1+r.IntN(8))
	for i := range values {
		values[i] = int64(r.Uint64() >> r.IntN(64))
		if r.IntN(3) == 0 {
			values[i] = values[0] ^ int64(r.IntN(1<<16))
		}
	}
	v := make([]int64, r.IntN(700))
	period, noise, count := 1+r.IntN(len(values)), 1+r.IntN(20), r.IntN(2) == 0
	for i := range v {
		v[i] = values[i%period]
		if r.IntN(noise) == 0 {
			v[i] = values[r.IntN(len(values))]
		}
		if count && i > len(v)/2 {
			v[i] += int64(i)
		}
	}
	return v
}

func TestStructured(t *testing.T) {
	e := New()
	r := rand.New(rand.NewPCG(9, 10))
	for range 5000 {
		v := structured(r)
		roundTrip(t, e, "structured", v)
		w := make([]int32, len(v))
		for i := range v {
			w[i] = int32(v[i])
		}
		roundTrip(t, e, "structured, 4 bytes", w)
	}
}

// The frame is never much larger than the column.
func TestIncompressible(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	v := make([]int64, 65536)
	for i := range v {
		v[i] = int64(r.Uint64())
	}
	if n := len(roundTrip(t, New(), "random", v)); n > 8*len(v)+64 {
		t.Errorf("%d bytes of random values take %d", 8*len(v), n)
	}
}

// A damaged frame does not decode to other values.
func TestChecksum(t *testing.T) {
	v := make([]int64, 3000)
	for i := range v {
		v[i] = int64(i) * 12345
	}
	frame := Append(New(), nil, v)
	for i := 20; i < len(frame); i += 97 {
		bad := bytes.Clone(frame)
		bad[i] ^= 0x10
		if got, err := decoder.DecodeAll(bad, nil); err == nil && !bytes.Equal(got, bytesOf(v)) {
			t.Fatalf("byte %d changed: decodes to other values", i)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, v := range columns(60, r) {
		f.Add(bytesOf(v), uint16(1))
	}
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint16(3000))
	e := New()
	f.Fuzz(func(t *testing.T, b []byte, times uint16) {
		var v []int64
		var w []int32
		b = bytes.Repeat(b, 1+int(times)%16)
		for ; len(b) >= 8; b = b[8:] {
			v = append(v, int64(binary.LittleEndian.Uint64(b)))
			w = append(w, int32(binary.LittleEndian.Uint32(b)), int32(binary.LittleEndian.Uint32(b[4:])))
		}
		roundTrip(t, e, "fuzz", v)
		roundTrip(t, e, "fuzz, 4 bytes", w)
	})
}

func BenchmarkAppend(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	e := New()
	general, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(true))
	for name, v := range columns(65536, r) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(8 * len(v)))
			var dst []byte
			for b.Loop() {
				dst = Append(e, dst[:0], v)
			}
			b.ReportMetric(float64(len(dst))/float64(len(v)), "B/value")
			b.ReportMetric(float64(len(general.EncodeAll(bytesOf(v), nil)))/float64(len(v)), "general-B/value")
		})
	}
}
