// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"math/rand/v2"
	"testing"
)

// A script is steps of 4 bytes, each of which appends values to a column: what kind, how many, and of which values.
// maxScripted is how many values there are at most: three blocks of 8 bytes each, two of 4.
const maxScripted = 40_000

// scripted returns the column that a script makes. Any bytes are a script.
func scripted(script []byte) []int64 {
	var v []int64
	state := uint64(1)
	next := func() uint64 { // splitmix64
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
	for ; len(script) >= 4 && len(v) < maxScripted; script = script[4:] {
		n := min(int(script[1])+1, maxScripted-len(v))
		a, b := int64(script[2]), int64(script[3])
		state += uint64(a)<<8 | uint64(b)
		if script[0]&0x80 != 0 {
			n = min(n*128, maxScripted-len(v)) // a long one
		}
		base := int64(0x7f00_0000_0000) + a<<24
		for i := range int64(n) {
			var x int64
			switch script[0] & 0x7f % 11 {
			case 0: // zeros
			case 1: // one value
				x = a<<40 | b
			case 2: // of any width
				x = int64(next() >> (b % 64))
			case 3: // times: ascending by a little
				x = 1_700_000_000_000_000_000 + a<<32 + i*b<<4 + int64(next()%16)
			case 4: // addresses of a region
				x = base + int64(next()%64)<<12
			case 5: // what stood some values before, at a distance in use or at any
				if distance := 1 + int(b)<<(a%12); len(v) >= distance {
					x = v[len(v)-distance]
				}
			case 6: // few values, whose order has no period
				x = []int64{0, -1, a, b << 33, base}[next()%5]
			case 7: // a period
				x = []int64{a, b << 20, -1, base, 0, 9, 4096, a << 50}[i%(1+b%8)]
			case 8: // a period with something new now and then
				if x = []int64{a, base, b}[i%3]; next()%16 == 0 {
					x = int64(next())
				}
			case 9: // upper bytes of long ago
				x = []int64{base, -base, a << 56}[next()%3] + int64(next()%256)
			case 10: // every byte the same
				x = b * 0x0101_0101_0101_0101
			}
			v = append(v, x)
		}
	}
	return v
}

// narrowed returns the lower halves of the values.
func narrowed(v []int64) []int32 {
	w := make([]int32, len(v))
	for i := range v {
		w[i] = int32(v[i])
	}
	return w
}

func randomScript(r *rand.Rand) []byte {
	script := make([]byte, 4*r.IntN(30))
	for i := range script {
		script[i] = byte(r.Uint32())
	}
	for i := 0; i < len(script); i += 4 {
		if r.IntN(8) > 0 {
			script[i] &= 0x7f
		}
	}
	return script
}

// FuzzScripted finds columns like those of captures sooner than FuzzRoundTrip, because it varies steps, not bytes.
func FuzzScripted(f *testing.F) {
	r := rand.New(rand.NewPCG(13, 14))
	for kind := range byte(11) {
		f.Add([]byte{kind, 200, 7, 3})
		f.Add([]byte{kind | 0x80, 255, 1, 9, 5, 255, 3, 1, kind, 3, 1, 9})
	}
	for range 20 {
		f.Add(randomScript(r))
	}
	e := New()
	f.Fuzz(func(t *testing.T, script []byte) {
		v := scripted(script)
		roundTrip(t, e, "scripted", v)
		roundTrip(t, e, "scripted, 4 bytes", narrowed(v))
	})
}

// FuzzColumns encodes two columns with the same encoder: the first must not change the frame of the second.
func FuzzColumns(f *testing.F) {
	f.Add([]byte{3, 200, 7, 3, 5, 100, 1, 1}, uint8(1))
	f.Add([]byte{9, 200, 7, 3, 2, 50, 0, 0, 6, 90, 5, 5}, uint8(2))
	e := New()
	f.Fuzz(func(t *testing.T, script []byte, cut uint8) {
		at := min(int(cut)*4, len(script)/4*4)
		first, second := scripted(script[:at]), scripted(script[at:])
		roundTrip(t, e, "first", first)
		kept := roundTrip(t, e, "second", second)
		if fresh := Append(New(), nil, second); string(fresh) != string(kept) {
			t.Fatalf("%d bytes after another column, %d of a new encoder", len(kept), len(fresh))
		}
	})
}
