// SPDX-License-Identifier: Apache-2.0

package capture

import "slices"

// idSet is a set of ids, in pages of 1<<16 successive ones. A page lists its ids until they are so many that a bit for
// each takes less. Ids that a recorder gives are successive, so a hundred million of them take 12 MB. Any int32 at all
// take 512 MB.
type idSet struct {
	pages map[int64]*idPage
	at    int64 // of last
	last  *idPage
}

// idPage has a bit for each id, or else a sorted list of them.
type idPage struct {
	list []uint16
	bits *[1 << 10]uint64
}

const (
	maxIDList  = 1 << 12 // ids, which take as much as bits
	maxIDPages = 1 << 20
)

// add adds an id and reports whether it is new. full says that ids are too far apart for the memory that a set may
// take: then it was not added.
func (s *idSet) add(id int64) (isNew, full bool) {
	page := s.last
	if at := id >> 16; page == nil || at != s.at {
		if page = s.pages[at]; page == nil {
			if len(s.pages) == maxIDPages {
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
	return page.add(uint16(id)), false
}

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
