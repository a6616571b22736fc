#!/bin/bash
# Linux (seen on 6.18.44) with prometheus-node-exporter 1.5.0 (Debian 1.5.0-1+b6).
#
# One line of /proc/net/sockstat mixes two scopes. "TCP: inuse" and "tw" count the reader's network namespace; "orphan", "alloc" and "mem" on the
# same line count the whole host. An exporter in a container therefore reports the host's allocated sockets as that of a namespace without a single one,
# and sums over containers count the host many times.
#
# Seen: a new network namespace, no socket in it but the exporter's own listener: node_sockstat_TCP_inuse at most 1, node_sockstat_TCP_alloc 501 and more,
# while 500 unconnected sockets are held outside.
# Needs root on Debian or Ubuntu (a network namespace of its own; apt). Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q -o APT::Sandbox::User=root prometheus-node-exporter=1.5.0-1+b6 >/dev/null && dpkg-deb -x prometheus-node-exporter_*.deb .)
uname -sr
"$folder/usr/bin/prometheus-node-exporter" --version 2>&1 | head -n 1

FOLDER=$folder perl - <<'PERL'
use strict;
use Socket;

my @held = map { socket(my $one, PF_INET, SOCK_STREAM, 0) or die "socket: $!"; $one } 1 .. 500;
# The namespace ends with the shell; the exporter serves on its loopback and is asked there.
my $page = `unshare --net sh -c '
  ip link set lo up 2>/dev/null || true
  "\$FOLDER/usr/bin/prometheus-node-exporter" --collector.disable-defaults --collector.sockstat --web.listen-address=127.0.0.1:9100 2>/dev/null &
  exporter=\$!
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.3
    perl -MIO::Socket::INET -e "
      my \\\$s = IO::Socket::INET->new(q(127.0.0.1:9100)) or exit 1;
      print \\\$s qq(GET /metrics HTTP/1.0\\r\\n\\r\\n);
      print while <\\\$s>;" && break
  done
  kill \$exporter'`;
my ($inuse) = $page =~ /^node_sockstat_TCP_inuse (\S+)/m or die "no page";
my ($alloc) = $page =~ /^node_sockstat_TCP_alloc (\S+)/m;
printf "in a new namespace: inuse %d, alloc %d; 500 sockets are held outside it\n", $inuse, $alloc;
exit($inuse <= 3 && $alloc >= 500 ? 0 : 1);
PERL
