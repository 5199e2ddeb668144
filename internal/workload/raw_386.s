//go:build linux

// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func vdsoCall(entry, nr uintptr, arg *[6]uintptr) int32
TEXT ·vdsoCall(SB), NOSPLIT, $8-16
	MOVL entry+0(FP), AX
	MOVL AX, 0(SP)
	MOVL BP, 4(SP)
	MOVL nr+4(FP), AX
	MOVL arg+8(FP), SI
	MOVL 0(SI), BX
	MOVL 4(SI), CX
	MOVL 8(SI), DX
	MOVL 16(SI), DI
	MOVL 20(SI), BP
	MOVL 12(SI), SI
	CALL 0(SP)
	MOVL 4(SP), BP
	MOVL AX, ret+12(FP)
	RET
