#!/bin/bash
# prometheus-process-exporter 0.7.10 (Debian 0.7.10-3+b5) on Linux (seen on 6.18.44).
#
# Run without privileges, as the unit of its Debian package does (User=prometheus), it may not list the descriptors of other users' processes. Instead of leaving them out it reports
# namedprocess_namegroup_open_filedesc 0 and worst_fd_ratio 0 for their groups: an alert on descriptors stays silent for every service of another user.
# Only namedprocess_scrape_partial_errors tells, and not of whom.
#
# Seen: a process of root with more than 200 descriptors open, the exporter as nobody: open_filedesc 0, worst_fd_ratio 0.
# Needs root on Debian or Ubuntu (to have a second user; apt). Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
chmod 755 "$folder"
(cd "$folder" && apt-get download -q -o APT::Sandbox::User=root prometheus-process-exporter=0.7.10-3+b5 >/dev/null && dpkg-deb -x prometheus-process-exporter_*.deb .)
uname -sr
"$folder/usr/bin/prometheus-process-exporter" -version 2>&1 | head -n 1

cat >"$folder/config.yml" <<'YAML'
process_names:
  - name: "{{.Comm}}"
    cmdline: [".+"]
YAML
chmod 644 "$folder/config.yml"
cp /usr/bin/perl "$folder/manyopen"
"$folder/manyopen" -e 'my @held = map { open(my $one, "<", "/dev/null") or die; $one } 1 .. 200; sleep 60' &
setpriv --reuid 65534 --regid 65534 --clear-groups "$folder/usr/bin/prometheus-process-exporter" -config.path "$folder/config.yml" -web.listen-address 127.0.0.1:19256 2>/dev/null &

page=
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  sleep 0.5
  page=$(perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new("127.0.0.1:19256") or exit 1; print $s "GET /metrics HTTP/1.0\r\n\r\n"; print while <$s>' || true)
  grep -q 'open_filedesc{groupname="manyopen"}' <<<"$page" && break
done
grep -E '^namedprocess_(scrape_partial_errors |namegroup_(open_filedesc|worst_fd_ratio)\{groupname="manyopen"\})' <<<"$page"
grep -q '^namedprocess_namegroup_open_filedesc{groupname="manyopen"} 0$' <<<"$page"
grep -q '^namedprocess_namegroup_worst_fd_ratio{groupname="manyopen"} 0$' <<<"$page"
