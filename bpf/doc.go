// SPDX-License-Identifier: Apache-2.0

// Package bpf is the privileged half of a recording: it chooses for every event family the best mechanism the
// running kernel allows, loads and attaches the programs, and reads their rings.
//
// events.h is the schema. Nothing of it is repeated here: [Layouts] derives tables and columns from the BTF of
// the compiled object, and [Layout.Gather] copies columns out of the rings by the offsets found there.
package bpf
