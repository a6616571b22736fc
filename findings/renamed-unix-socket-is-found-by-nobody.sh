#!/bin/bash
# ss of iproute2 6.1.0 (Debian 6.1.0-3) on Linux (seen on 6.18.44).
#
# Programs that replace a Unix socket without a gap bind another name in the same directory and rename it into place, as files are replaced. Clients connect
# by the new path. The kernel goes on telling the name of bind() (unix_diag, /proc/net/unix), a path that is not there any more: ss asked for the path that
# everybody uses shows no listener, and shows one at a path that does not exist.
#
# Seen: connect() to the renamed path succeeds; `ss -xlH src` with that path shows 0 listeners, with the path that is gone 1.
# Needs Debian or Ubuntu (apt). Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q -o APT::Sandbox::User=root iproute2=6.1.0-3 >/dev/null && dpkg-deb -x iproute2_*.deb .)
uname -sr
"$folder/bin/ss" -V

SS="$folder/bin/ss" FOLDER="$folder" perl - <<'PERL'
use strict;
use Socket;

my ($before, $after) = ("$ENV{FOLDER}/made.sock", "$ENV{FOLDER}/used.sock");
socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_un($before)) && listen($listener, 5) or die "listen: $!";
rename($before, $after) or die "rename: $!";
socket(my $client, PF_UNIX, SOCK_STREAM, 0);
my $connected = connect($client, sockaddr_un($after)) ? 'yes' : "no: $!";
my %seen = map { my @lines = qx('$ENV{SS}' -xlH src '$_'); ($_ => scalar @lines) } ($before, $after);
my $there = -e $before ? 'is there' : 'is gone';
print "connected by the renamed path: $connected\n";
print "ss -xlH src with the renamed path: $seen{$after} listeners; with the path of bind(), which $there: $seen{$before}\n";
exit($connected eq 'yes' && $seen{$after} == 0 && $seen{$before} == 1 ? 0 : 1);
PERL
