# For the cases: wait for what is to be, and not for a time.
start() { "$@" >/tmp/says & P=$!; until [ -s /tmp/says ]; do sleep 0.02; done; }
seen() { until [ $(cat /tmp/o /tmp/o.* 2>/dev/null | grep -c "$1") -ge ${2:-1} ]; do sleep 0.02; done; }
again() { N=$(wc -l </tmp/says); kill -USR1 $P; until [ $(wc -l </tmp/says) -gt $N ]; do sleep 0.02; done; }
untraced() { until grep -q '^TracerPid:.0$' /proc/$P/status; do sleep 0.02; done; }
stopped() { until grep -q "^State:.$1" /proc/$P/status; do sleep 0.02; done; }
pid_in() { sed -n 's/.*si_pid=\([0-9]*\).*/\1/p' /tmp/o | head -1; }
