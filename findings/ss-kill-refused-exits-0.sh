#!/bin/bash
# iproute2 6.1.0 (ss, Debian 6.1.0-3) on Linux (seen on 6.18.44).
#
# ss -K asks the kernel to end sockets. Without CAP_NET_ADMIN the kernel refuses each of them; ss writes "SOCK_DESTROY answers: Operation not permitted"
# to standard error, lists nothing, and exits with 0, as where it ended what was asked for. A script that trusts the exit status goes on as if the sockets
# were gone.
#
# Seen: exit status 0, the refusal on standard error, both ends still ESTABLISHED.
# Needs root on Debian or Ubuntu (a network namespace of its own; apt). Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

if [ -z "${FOLDER:-}" ]; then
  FOLDER=$(mktemp -d)
  export FOLDER
  trap 'rm -rf "$FOLDER"' EXIT
  (cd "$FOLDER" && apt-get download -q -o APT::Sandbox::User=root iproute2=6.1.0-3 >/dev/null && dpkg-deb -x iproute2_*.deb . && chmod 755 .)
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

my $server = sockaddr_in(8080, INADDR_LOOPBACK);
my ($listener, $client);
socket($listener, PF_INET, SOCK_STREAM, 0) && bind($listener, $server) && listen($listener, 5) or die "listen: $!";
socket($client, PF_INET, SOCK_STREAM, 0) && connect($client, $server) or die "connect: $!";
accept(my $accepted, $listener) or die "accept: $!";

my $said = `setpriv --reuid 65534 --regid 65534 --clear-groups ss -K -Htn state established 'dport = :8080' 2>&1 >/dev/null`;
my $status = $? >> 8;
my $left = () = `ss -Htn state established` =~ /:8080/g;
chomp $said;
printf "exit status %d, said \"%s\", %d ends still established\n", $status, $said, $left;
exit($status == 0 && $said =~ /not permitted/ && $left == 2 ? 0 : 1);
PERL
