# Use every feature of the recorder, one after the other. $WHAT has further flags, $SMALL is the directory of a small
# disk, and $TERMINAL is a terminal.
set -e

work() { # something to record, for a while
	for i in 1 2 3 4 5; do ls -lR /proc/self/ >/dev/null 2>&1 || true; done
	sh -c 'exit 9' || true
	sleep 0.2
}
begun() { # CAPTURE: the recorder in the background writes
	until ls "$1"/*/*.arrow >/dev/null 2>&1; do kill -0 $!; sleep 0.1; done
}
ended() { # STATUS: the recorder in the background ended with it
	status=0
	wait "$!" || status=$?
	[ "$status" = "$1" ] || { echo "status $status, want $1"; exit 1; }
}

# The whole host, until a signal.
record $WHAT -w host -v 2>/dev/null &
begun host; work; kill -INT $!; ended 0

# Rotation with --sync.
record $WHAT -q -w rotated -C 16KiB -G 200ms -W 2 --sync 100ms -d 1s &
begun rotated; work; ended 0

# A flight recorder: dumps for a signal, for a trigger, and at the end.
flight() { # CAPTURE FLAG...
	record $WHAT -w "$@" --last 2s --after 100ms --trigger 'op == "exit" && exit_code == 9' 2>flight.txt &
	until [ -d "$1" ]; do kill -0 $!; sleep 0.1; done
	until ls -d "$1"/*-trigger >/dev/null 2>&1; do kill -0 $!; work; done
	kill -USR2 $!
	until ls -d "$1"/*-sigusr2 >/dev/null 2>&1; do kill -0 $!; work; done
	kill -INT $!; ended 0
	ls -d "$1"/*-end >/dev/null
}
flight flight --sync 200ms
flight memory --in-memory --max-memory 128MiB

# A full disk.
record $WHAT -w "$SMALL/capture" -z none 2>full.txt &
until grep -q 'error' full.txt; do kill -0 $!; work; done; ended 1
grep -q 'no space left' full.txt

# What follows is left out where time is short.

# A flight recorder that finds the window of a killed one, and limits.
rm -rf flight/*Z-*
record $WHAT -q -w flight --force --last 2s &
begun flight/window; kill -KILL $!; ended 137
flight flight --force --max-cpu 50% -W 2
record $WHAT -q -w limits --max-cpu 1% --max-memory 256MiB -d 1s

# A command, with each kind of output and each codec.
record $WHAT -w directory -z lz4 -- sh -c 'ls / >/dev/null'
record $WHAT -q -w file.tar -z none -- ls / >/dev/null
record $WHAT -q -w - -d 300ms >stream.tar
install -d -o 65534 -g 65534 given
(cd given && SUDO_UID=65534 SUDO_GID=65534 record $WHAT -q -w given -- ls / >/dev/null)
record $WHAT --json -w json -n 100 -- ls / >/dev/null 2>&1

# Processes; the recorder ends with the last of them.
sleep 1000 &
sleeper=$!
record $WHAT -q -w processes -p $sleeper,$$ -d 300ms
record $WHAT -q -w last -p $sleeper &
begun last; kill $sleeper; wait $sleeper || true; ended 0

# A command that ends at SIGTERM, and one that ignores signals.
record $WHAT -q -w told -- sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done' &
begun told; sleep 0.2; kill -TERM $!; ended 5
record $WHAT -q -w deaf -- sh -c 'trap "" INT TERM; sleep 4' &
begun deaf; kill -INT $!; sleep 0.5; kill -INT $!; ended 130

# Stopped and continued.
record $WHAT -q -w stopped -d 1s &
begun stopped; kill -STOP $!; sleep 0.3; kill -CONT $!; kill -USR2 $!; ended 0

# A reader that closes the pipe.
{ record $WHAT -q -w - -d 20s || true; } | head -c 100 >/dev/null

# A line of progress.
record $WHAT -w progress -d 2500ms 2>"$TERMINAL"
