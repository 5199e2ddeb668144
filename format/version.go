// SPDX-License-Identifier: Apache-2.0

package format

import "fmt"

// Current is the format version this package writes.
var Current = Version{Major: 1, Minor: 2}

// Version is a format version. A reader reads every minor version of the major
// versions it knows.
type Version struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
}

// String returns the version as "1.0".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// parseVersion parses a version as Version.String formats it.
func parseVersion(s string) (Version, error) {
	var v Version
	if _, err := fmt.Sscanf(s, "%d.%d", &v.Major, &v.Minor); err != nil || v.Major < 1 || v.Minor < 0 {
		return Version{}, fmt.Errorf("%w: no format version", ErrNotCapture)
	}
	return v, nil
}

// check returns an error unless this package reads captures of version v.
func (v Version) check() error {
	if v.Major > Current.Major {
		return fmt.Errorf("%w: format %v, this program reads up to %d.x", ErrVersion, v, Current.Major)
	}
	if v.Major < 1 || v.Minor < 0 {
		return fmt.Errorf("%w: no format version", ErrNotCapture)
	}
	return nil
}
