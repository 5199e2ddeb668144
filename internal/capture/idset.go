// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"

	"github.com/fletch-trace/fletch/internal/budget"
)

// idSet is a set of ids, in pages of 1<<16 successive ones. A page lists its ids until they are so many that a bit for
// each takes less. Ids that a recorder gives are successive, so a hundred million of them take 12 MB. Any int32 at all
// take 512 MB.
type idSet struct {
	budget *budget.Budget // of the pages
	taken  int64          // of it, in bytes
	pages  map[int64]*idPage
	at     int64 // of last
	last   *idPage
}

// idPage has a bit for each id, or else a sorted list of them.
type idPage struct {
	list []uint16
	bits *[1 << 10]uint64
}

const (
	maxIDList = 1 << 12 // ids, which take as much as bits
	// What a page takes in bytes, besides its bits: itself and its entry in the map, and a list of few ids.
	idPageBytes = 128
	idListBytes = 2 * maxIDList
)

// add adds an id and reports whether it is new. full says that ids are too far apart for the memory that a set may
// take: then it was not added.
func (s *idSet) add(id int64) (isNew, full bool) {
	page := s.last
	if at := id >> 16; page == nil || at != s.at {
		if page = s.pages[at]; page == nil {
			if !s.take(idPageBytes) {
				return false, true
			}
			if s.pages == nil {
				s.pages = map[int64]*idPage{}
			}
			page = &idPage{}
			s.pages[at] = page
		}
		s.at, s.last = at, page
	}
	if page.bits == nil && len(page.list) == smallIDList && !s.take(idListBytes) {
		return false, true
	}
	return page.add(uint16(id)), false
}

// smallIDList is the length of a list that idPageBytes has room for.
const smallIDList = 16

func (s *idSet) take(bytes int64) bool {
	if !s.budget.TryReserve(bytes) {
		return false
	}
	s.taken += bytes
	return true
}

// release gives back the memory of the set, which must not be used any more.
func (s *idSet) release() { s.budget.Release(s.taken) }

func (p *idPage) add(id uint16) bool {
	if p.bits == nil {
		at, found := slices.BinarySearch(p.list, id)
		if found {
			return false
		}
		if len(p.list) < maxIDList {
			p.list = slices.Insert(p.list, at, id)
			return true
		}
		p.bits = new([1 << 10]uint64)
		for _, id := range p.list {
			p.bits[id>>6] |= 1 << (id & 63)
		}
		p.list = nil
	}
	word, bit := &p.bits[id>>6], uint64(1)<<(id&63)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}
