#!/bin/bash
# victoria-metrics 1.79.5 (Debian 1.79.5+ds1-2+b5) beside prometheus 2.42.0 (Debian 2.42.0+ds-5+deb12u1).
#
# "a or on () last_over_time(a[10m])" is how an annotation says: what there is, and only where there is nothing, what there was. The series with
# holder="old" ended seven minutes ago, the one with holder="new" goes on. Prometheus answers the row of now. VictoriaMetrics answers the old row as well: an
# alert's text names a holder that is gone.
#
# Seen: Prometheus: new 1; VictoriaMetrics: new 1, old 1.
# Needs root on Debian or Ubuntu (network namespaces of its own; apt). Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

if [ -z "${FOLDER:-}" ]; then
  FOLDER=$(mktemp -d)
  export FOLDER
  trap 'rm -rf "$FOLDER"' EXIT
  (
    cd "$FOLDER"
    apt-get download -q -o APT::Sandbox::User=root victoria-metrics=1.79.5+ds1-2+b5 prometheus=2.42.0+ds-5+deb12u1 >/dev/null
    for package in *.deb; do dpkg-deb -x "$package" .; done
  )
  unshare --net "$BASH" "$0"
  exit
fi

cd "$FOLDER"
ip link set lo up
usr/bin/prometheus --version 2>&1 | head -n 1
echo "victoria-metrics $(dpkg-deb -f victoria-metrics_*.deb Version)"

now=$(date +%s)
{
  echo '# TYPE a gauge'
  for ago in $(seq 600 -15 420); do echo "a{holder=\"old\"} 1 $((now - ago))"; done
  for ago in $(seq 405 -15 0); do echo "a{holder=\"new\"} 1 $((now - ago))"; done
  echo '# EOF'
} >rows.txt
mkdir data
usr/bin/promtool tsdb create-blocks-from openmetrics rows.txt data >/dev/null
echo 'scrape_configs: []' >prometheus.yml
usr/bin/prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=127.0.0.1:9090 >prometheus.log 2>&1 &
prometheus=$!
usr/bin/victoria-metrics -storageDataPath=vm -httpListenAddr=127.0.0.1:8428 -memory.allowedBytes=64MB >vm.log 2>&1 &
victoria=$!
trap 'kill $prometheus $victoria' EXIT

NOW=$now perl - <<'PERL'
use strict;
use IO::Socket::INET;
use JSON::PP;

sub ask {
    my ($port, $request) = @_;
    my $socket = IO::Socket::INET->new("127.0.0.1:$port") or return;
    print $socket $request;
    my $answer = do { local $/; <$socket> };
    return $answer =~ /\r\n\r\n(.*)/s ? $1 : undef;
}

sub rows {
    my ($port, $query) = @_;
    $query =~ s/([^a-z0-9])/sprintf '%%%02x', ord $1/ge;
    for (1 .. 60) {
        my $answer = ask($port, "GET /api/v1/query?query=$query&time=$ENV{NOW} HTTP/1.0\r\n\r\n");
        my $rows = $answer && $answer =~ /^\{/ ? decode_json($answer)->{data}{result} : [];
        return sort map { "$_->{metric}{holder} $_->{value}[1]" } @$rows if @$rows;
        select(undef, undef, undef, 0.5);
    }
    die "port $port answers nothing";
}

open(my $file, '<', 'rows.txt') or die "rows: $!";
my $lines = join '', map { /^(a.* )(\d+)$/ ? "$1${2}000\n" : () } <$file>;
for (1 .. 60) {
    my $socket = IO::Socket::INET->new('127.0.0.1:8428');
    if ($socket) {
        printf $socket "POST /api/v1/import/prometheus HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", length $lines, $lines;
        my @answer = <$socket>;
        last if @answer;
    }
    select(undef, undef, undef, 0.5);
}
my $query = 'a or on () last_over_time(a[10m])';
rows(8428, 'a');
my @prometheus = rows(9090, $query);
my @victoria = rows(8428, $query);
print "$query: Prometheus: @prometheus; VictoriaMetrics: @victoria\n";
exit("@prometheus" eq 'new 1' && @victoria > 1 ? 0 : 1);
PERL
