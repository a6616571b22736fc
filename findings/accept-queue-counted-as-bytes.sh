#!/bin/bash
# prometheus-node-exporter 1.5.0 (Debian 1.5.0-1+b6), collector tcpstat, on Linux (seen on 6.18.44).
#
# sock_diag tells of a listener, in the fields that hold queued bytes for every other socket, how many connections wait in its accept queue and how
# many may. The collector adds them up with the bytes: node_tcp_connection_states{state="rx_queued_bytes"} rises by one for each connection that nobody
# accepted, and {state="tx_queued_bytes"} by the backlog of each listener, with not a byte sent.
#
# Seen: a listener with a backlog of 100, 7 connections that wait and not a byte sent: rx_queued_bytes 7, tx_queued_bytes 100 and the exporter's own backlog.
# Needs root on Debian or Ubuntu (a network namespace of its own; apt). Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

if [ -z "${FOLDER:-}" ]; then
  FOLDER=$(mktemp -d)
  export FOLDER
  trap 'rm -rf "$FOLDER"' EXIT
  (cd "$FOLDER" && apt-get download -q -o APT::Sandbox::User=root prometheus-node-exporter=1.5.0-1+b6 >/dev/null && dpkg-deb -x prometheus-node-exporter_*.deb .)
  unshare --net "$BASH" "$0"
  exit
fi

uname -sr
"$FOLDER/usr/bin/prometheus-node-exporter" --version 2>&1 | head -n 1
ip link set lo up

perl - <<'PERL'
use strict;
use Socket;
use IO::Socket::INET;

my $server = sockaddr_in(8080, INADDR_LOOPBACK);
socket(my $listener, PF_INET, SOCK_STREAM, 0);
bind($listener, $server) && listen($listener, 100) or die "listen: $!";
my @waiting = map { socket(my $one, PF_INET, SOCK_STREAM, 0); connect($one, $server) or die "connect: $!"; $one } 1 .. 7;

my $exporter = fork // die;
if (!$exporter) {
    open STDERR, '>', '/dev/null';
    exec "$ENV{FOLDER}/usr/bin/prometheus-node-exporter", '--collector.disable-defaults', '--collector.tcpstat', '--web.listen-address=127.0.0.1:9100';
}
my $page = '';
for (1 .. 20) {
    select undef, undef, undef, 0.3;
    my $s = IO::Socket::INET->new('127.0.0.1:9100') or next;
    print $s "GET /metrics HTTP/1.0\r\n\r\n";
    local $/;
    $page = <$s>;
    last;
}
kill 'TERM', $exporter;
waitpid $exporter, 0;
my ($rx) = $page =~ /^node_tcp_connection_states\{state="rx_queued_bytes"\} (\S+)/m or die 'no page';
my ($tx) = $page =~ /^node_tcp_connection_states\{state="tx_queued_bytes"\} (\S+)/m;
print "7 connections wait to be accepted, backlog 100, no byte was sent: rx_queued_bytes $rx, tx_queued_bytes $tx\n";
exit($rx >= 7 && $tx >= 100 ? 0 : 1);
PERL
