// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// ipcText is the text of a check of a right: ipc asks r-- 0400 of key 0x0f1e504c id 8 owner 0 creator 0 mode 0644 as
// uid 1000.
type ipcText struct {
	flag, key, id, owner, creator, mode, uid *capture.Accessor
}

func newIPCText(c *columns) eventText {
	return &ipcText{flag: c.named("flag"), key: c.named("key"), id: c.named("id"), owner: c.named("owner"),
		creator: c.named("creator"), mode: c.named("mode"), uid: c.named("uid")}
}

func (t *ipcText) Append(dst []byte, row int) []byte {
	flag := int32(t.flag.Int(row))
	dst = append(append(dst, "ipc asks "...), capture.Right(flag)...)
	dst = syscalls.AppendOctal(append(dst, ' '), uint64(uint32(flag)))
	dst = fmt.Appendf(dst, " of key %s id %d owner %d creator %d mode ", capture.Key(t.key.Int(row)), t.id.Int(row),
		t.owner.Int(row), t.creator.Int(row))
	dst = syscalls.AppendOctal(dst, uint64(uint32(t.mode.Int(row))))
	return strconv.AppendInt(append(dst, " as uid "...), t.uid.Int(row), 10)
}
