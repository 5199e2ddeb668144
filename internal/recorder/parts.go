//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/wait"
)

// parts are the parts of one recording.
type parts struct {
	cfg      Config
	session  Session
	observer Observer
	dest     destination
	waiter   *wait.Waiter
	syncer   *syncer
	dumper   *dumper // nil: not a flight recorder
	keeper   *keeper // nil: it does not rotate
	reporter *reporter
	drain    *drain
}

// build makes the parts, each after those that it depends on.
func (p *parts) build(budget *Budget, clock format.Clock) {
	cfg, session, w := &p.cfg, p.session, p.dest.w
	d := &drain{cfg: cfg, session: session, w: w, waiter: p.waiter, machine: newMachine(clock), names: budget.names}
	d.laneWait = &laneWait{stream: p.dest.stream, allowed: true}
	d.lanes = &lanes{codec: newCodecPolicy(cfg.Codec), sweeps: &sweeps{}}
	if cfg.rotates() {
		d.lanes.generation = 1
	}
	d.gatherer = newGatherer(session.Layouts(), budget, d.laneWait, d.lanes, d.machine.wall)
	if cfg.MaxRows > 0 {
		d.gatherer.rowsLeft = cfg.MaxRows
	}
	if cfg.drops() {
		d.gatherer.keepDimensions(cfg.KeepIdle, budget.dimensions)
		if slices.Contains(recordedTables(cfg.Manifest.Probes), "process") {
			d.gatherer.living = newLiving(d.gatherer.dimensions.byName("task"), d.machine.wall, budget.dimensions)
		}
	}
	d.accounts = &accounts{
		losses: newLosses(session, cfg.Manifest.CPUs, d.machine.wall, clock.Monotonic, cfg.drops()),
		lanes:  d.lanes, counts: d.gatherer.counts, session: session, tables: d.gatherer.tables,
		cpus: cfg.Manifest.CPUs, probes: cfg.Manifest.Probes,
	}
	d.shedder = &shedder{
		setShed: session.Shed, memory: w.MemoryBytes, share: float64(cfg.MaxCPU) / 100, window: budget.window,
	}
	p.syncer = startSync(cfg.Sync, w.Sync)
	d.failures = append(d.failures, &p.syncer.failed)
	p.drain = d
	p.reporter = &reporter{
		cfg: cfg, w: w, machine: d.machine, codec: d.lanes.codec, shedder: d.shedder, gatherer: d.gatherer,
		accounts: d.accounts, tables: recordedTables(cfg.Manifest.Probes),
	}
	triggerHits := &hits{}
	if cfg.rotates() {
		p.rotate(budget, triggerHits)
	}
	for _, l := range []**lane{&d.lanes.bulk, &d.lanes.rare, &d.lanes.named} {
		// When the window is full the drain sheds, but what is already in the rings still arrives.
		opt := laneOptions{window: budget.window * 9 / 8}
		if cfg.Trigger != nil {
			opt.inspect = newMatcher(cfg.Trigger, d.gatherer.dimensions, cfg.Calls, triggerHits, d.lanes.sweeps).inspect
		}
		*l = startLane(w, opt)
		d.failures = append(d.failures, &(*l).failed)
	}
}

// rotate makes the further parts of a rotating recording.
func (p *parts) rotate(budget *Budget, triggerHits *hits) {
	cfg, d, w := &p.cfg, p.drain, p.dest.w
	d.rotation = &rotation{
		gatherer: d.gatherer, accounts: d.accounts, lanes: d.lanes, setEpoch: p.session.SetEpoch,
		generationBytes: w.Bytes, batches: w.Batches, history: p.reporter.history,
		verifies:        cfg.Manifest.Selection != nil && cfg.Manifest.Selection.Comm != "",
		openConnections: p.session.OpenConnections, processes: p.session.Processes,
	}
	d.rotation.inFlight = &inFlight{session: p.session, gatherer: d.gatherer}
	d.rotation.inFlight.sweep = func() error {
		_, err := d.sweep()
		return err
	}
	keep := cfg.Keep
	if cfg.flight() {
		keep = 0 // Keep is a number of dumps
		p.dumper = &dumper{
			dir: cfg.Path, keep: cfg.Keep, existing: p.dest.directory.dumps, tables: p.reporter.tables, w: w,
			observer: p.observer,
		}
		d.rotation.schedule = newSchedule(cfg, triggerHits, d.machine.unixNow)
	}
	p.keeper = startKeeper(w, p.dumper, keep, budget.window)
	d.failures = append([]*firstError{&p.keeper.failed}, d.failures...)
	d.rotation.keeper, p.reporter.keeper, p.reporter.rotation = p.keeper, p.keeper, d.rotation
	d.rotation.limit(cfg, budget)
	d.rotation.begin()
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
