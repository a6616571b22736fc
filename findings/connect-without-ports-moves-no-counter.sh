#!/bin/bash
# Linux (seen on 6.18.44) with iproute2 6.1.0 (nstat, Debian 6.1.0-3).
#
# connect() that fails with EADDRNOTAVAIL because every ephemeral port towards the destination is taken leaves no trace in the kernel's
# counters: none of those that nstat reads from /proc/net/snmp, snmp6 and netstat moves, not Tcp.ActiveOpens, not Tcp.AttemptFails. A dashboard built on
# them shows a quiet host.
#
# Seen: 4 connections fill a range of 4 ports, the next 50 fail with EADDRNOTAVAIL, 0 of 390 counters differ.
# Needs root on Debian or Ubuntu (a network namespace of its own; apt). Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

if [ -z "${FOLDER:-}" ]; then
  FOLDER=$(mktemp -d)
  export FOLDER
  trap 'rm -rf "$FOLDER"' EXIT
  (cd "$FOLDER" && apt-get download -q -o APT::Sandbox::User=root iproute2=6.1.0-3 >/dev/null && dpkg-deb -x iproute2_*.deb .)
  unshare --net "$BASH" "$0"
  exit
fi

export PATH="$FOLDER/bin:$FOLDER/sbin:$FOLDER/usr/bin:$PATH"
uname -sr
nstat -V
ip link set lo up
echo '40000 40003' >/proc/sys/net/ipv4/ip_local_port_range

perl - <<'PERL'
use strict;
use Socket;
use Errno qw(EADDRNOTAVAIL);
use JSON::PP;

my $server = sockaddr_in(8080, INADDR_LOOPBACK);
my ($listener, $client);
socket($listener, PF_INET, SOCK_STREAM, 0) && bind($listener, $server) && listen($listener, 50) or die "listen: $!";
sub counters { return decode_json(scalar `nstat -asz --json`)->{kernel} }

my @kept;
for (1 .. 4) {
    socket($client, PF_INET, SOCK_STREAM, 0) && connect($client, $server) or die "connect: $!";
    push @kept, $client;
    undef $client;
}
my $before = counters();
my $refused = 0;
for (1 .. 50) {
    socket(my $client, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    $refused++ if !connect($client, $server) && $!{EADDRNOTAVAIL};
}
my $after = counters();
my @moved = grep { $before->{$_} != $after->{$_} } sort keys %$before;
printf "%d of 50 connects failed with EADDRNOTAVAIL; %d of %d counters moved %s\n", $refused, scalar @moved, scalar keys %$before, "@moved";
exit($refused == 50 && !@moved ? 0 : 1);
PERL
