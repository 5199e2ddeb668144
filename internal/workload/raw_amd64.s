//go:build linux

// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func int80(nr uintptr, arg *[6]uintptr) int32
TEXT ·int80(SB), NOSPLIT, $8-20
	MOVQ nr+0(FP), AX
	MOVQ arg+8(FP), R12
	MOVQ BP, 0(SP)
	MOVQ 0(R12), BX
	MOVQ 8(R12), CX
	MOVQ 16(R12), DX
	MOVQ 24(R12), SI
	MOVQ 32(R12), DI
	MOVQ 40(R12), BP
	INT  $0x80
	MOVQ 0(SP), BP
	MOVL AX, ret+16(FP)
	RET
