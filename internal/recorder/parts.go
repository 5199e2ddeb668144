//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/wait"
)

// Parts are those of one recording.
type parts struct {
	cfg      Config
	session  Session
	observer Observer
	to       destination
	waiter   *wait.Waiter
	syncer   *syncer
	dumper   *dumper // nil: it is no flight recorder
	keeper   *keeper // nil: it does not rotate
	reporter *reporter
	drain    *drain
}

// build makes the parts, each after what it knows of.
func (p *parts) build(budget *Budget, clock format.Clock) {
	cfg, session, w := &p.cfg, p.session, p.to.w
	d := &drain{cfg: cfg, session: session, w: w, waiter: p.waiter, machine: newMachine(clock)}
	d.patience = &patience{stream: p.to.stream, waits: true}
	d.lanes = &lanes{codec: newCodecPolicy(cfg.Codec), sweeps: &sweeps{}}
	if cfg.rotates() {
		d.lanes.generation = 1
	}
	d.gatherer = newGatherer(session.Layouts(), budget, d.patience, d.lanes, d.machine.wall)
	if cfg.MaxRows > 0 {
		d.gatherer.rowsLeft = cfg.MaxRows
	}
	if cfg.drops() {
		d.gatherer.keepDimensions(cfg.KeepIdle, budget.dimensions)
	}
	d.accounts = &accounts{
		losses: newLosses(session, cfg.Manifest.CPUs, d.machine.wall, clock.Monotonic), lanes: d.lanes,
		counts: d.gatherer.counts, session: session, tables: d.gatherer.tables, cpus: cfg.Manifest.CPUs,
		probes: cfg.Manifest.Probes,
	}
	d.shedder = &shedder{
		shed: session.Shed, memory: w.MemoryBytes, share: float64(cfg.MaxCPU) / 100, window: budget.window,
	}
	p.syncer = startSync(cfg.Sync, w.Sync)
	d.failures = append(d.failures, &p.syncer.failed)
	p.drain = d
	p.reporter = &reporter{
		cfg: cfg, w: w, machine: d.machine, codec: d.lanes.codec, shedder: d.shedder, gatherer: d.gatherer,
		accounts: d.accounts, recorded: recordedTables(cfg.Manifest.Probes),
	}
	found := &hits{}
	if cfg.rotates() {
		p.rotate(budget.window, found)
	}
	for _, l := range []**lane{&d.lanes.bulk, &d.lanes.rare} {
		// When the window is full the drain sheds; what was in the rings by then still comes.
		opt := laneOptions{window: budget.window * 9 / 8}
		if cfg.Trigger != nil {
			opt.look = newMatcher(cfg.Trigger, d.gatherer.dimensions, cfg.Calls, found, d.lanes.sweeps).look
		}
		*l = startLane(w, opt)
		d.failures = append(d.failures, &(*l).failed)
	}
}

// rotate makes the parts of a recording that rotates. window is how many bytes of segments there may be in memory.
func (p *parts) rotate(window int64, found *hits) {
	cfg, d, w := &p.cfg, p.drain, p.to.w
	d.rotation = &rotation{
		gatherer: d.gatherer, accounts: d.accounts, lanes: d.lanes, epoch: p.session.SetEpoch, written: w.Bytes,
		history: p.reporter.history,
	}
	keep := cfg.Keep
	if cfg.flight() {
		keep = 0 // it is dumps that are kept
		p.dumper = &dumper{
			dir: cfg.Path, keep: cfg.Keep, there: p.to.directory.dumps, recorded: p.reporter.recorded, w: w,
			observer: p.observer,
		}
		d.rotation.schedule = newSchedule(cfg, found, d.machine.unix)
	}
	p.keeper = startKeeper(w, p.dumper, keep, window)
	d.failures = append([]*failure{&p.keeper.failed}, d.failures...)
	d.rotation.keeper, p.reporter.keeper = p.keeper, p.keeper
	d.rotation.limit(cfg, window)
	d.rotation.start()
}

// recordedTables are the tables of the families that are recorded.
func recordedTables(probes []format.Probe) []string {
	var families []string
	for _, probe := range probes {
		if probe.Mechanism != "" {
			families = append(families, probe.Family)
		}
	}
	return schema.TablesOf(families...)
}
