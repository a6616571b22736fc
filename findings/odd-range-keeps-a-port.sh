#!/bin/bash
# Linux (seen on 6.18.44) with iproute2 6.1.0 (ss, Debian 6.1.0-3).
#
# An ip_local_port_range of an odd number of ports does not give them all. The kernel goes over the range in steps of two from an even offset, with the
# number of steps rounded down to an even one: one end of the range is passed over, which one depends on the offset. Of three ports it is always the last:
# connect() fails with EADDRNOTAVAIL while one port of the range is in no socket at all. The default,
# 32768 60999, is even; ranges set by hand often are not.
#
# Seen: 40000-40002: each of 32 destinations takes 2 connections and not 3, nobody has 40002; 40100-40103: each takes 4.
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
ss -V
ip link set lo up

perl - <<'PERL'
use strict;
use Socket;
use Errno qw(EADDRNOTAVAIL);

# How many connections to each of 32 addresses the kernel gives a port to, and ports of the range that no socket has then, by ss.
sub fill {
    my ($first, $last) = @_;
    open(my $range, '>', '/proc/sys/net/ipv4/ip_local_port_range') or die "range: $!";
    print $range "$first $last";
    close($range) or die "range: $!";
    my $listener;
    socket($listener, PF_INET, SOCK_STREAM, 0) && setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1)
        && bind($listener, sockaddr_in(8080, INADDR_ANY)) && listen($listener, 500) or die "listen: $!";
    my (%count, $unused, @kept);
    for my $host (1 .. 32) {
        my $given = 0;
        while (1) {
            socket(my $client, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
            if (!connect($client, sockaddr_in(8080, inet_aton("127.0.0.$host")))) {
                $!{EADDRNOTAVAIL} or die "connect: $!";
                last;
            }
            push @kept, $client;
            $given++;
        }
        my %used = map { /:(\d+)\s+127\.0\.0\.$host:8080/ ? ($1 => 1) : () } `ss -Htan dst 127.0.0.$host dport = 8080`;
        $unused += ($last - $first + 1) - keys %used;
        $count{$given}++;
    }
    my $text = join ', ', map { "$count{$_} destinations with $_" } sort keys %count;
    print "$first-$last: connections before EADDRNOTAVAIL: $text; ports that ss shows in no connection to the destination: $unused\n";
    return \%count;
}

my $odd = fill(40000, 40002);
my $even = fill(40100, 40103);
exit("@{[%$odd]}" eq '2 32' && "@{[%$even]}" eq '4 32' ? 0 : 1);
PERL
