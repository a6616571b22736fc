// One host: what is running out, who holds it, when will it be gone, what to do; then the sockets, and the exporter itself.
local l = import 'lib.libsonnet';

local host = 'job="$job", instance="$instance"';
local here = host + ', netns=~"$netns"';
local join = 'on (job, instance, netns, resource) group_left (resource_instance, holder) conn_resource_worst_info{' + here + '}';

l.dashboard(
  'conn-exporter-host',
  'Connections: one host',
  'What connections run out of on this host, TCP, UDP and Unix, from top to bottom: what, who, when, and what to do.',
  [
    l.chooseDatasource,
    l.choose('job', 'Job', 'label_values(conn_exporter_build_info, job)'),
    l.choose('instance', 'Host', 'label_values(conn_exporter_build_info{job="$job"}, instance)'),
    l.choose('netns', 'Network namespace', 'label_values(conn_tcp_sockets{job="$job", instance="$instance"}, netns)', several=true),
    l.scheme,
    l.runbooks,
  ],
  [
    l.annotation('Critical', 'red', 'conn_finding{' + here + ', severity="critical"} == 1', '{{finding}}'),
    l.annotation('Warning', 'orange', 'conn_finding{' + here + ', severity="warning"} == 1', '{{finding}}'),
    l.annotation('Start of the exporter', 'blue', 'changes(process_start_time_seconds{' + host + '}[$__rate_interval]) > 0', 'conn-exporter started'),
  ],
  [
    { type: 'link', title: "The host's page", url: '${scheme}://${instance}/', targetBlank: true, icon: 'external link' },
    { type: 'link', title: 'Fleet', url: '/d/conn-exporter-fleet?var-datasource=${datasource}&var-job=${job}', keepTime: true, icon: 'dashboard' },
    { type: 'link', title: 'Runbooks', url: '${runbooks}', targetBlank: true, icon: 'doc' },
  ],
  [
    [l.row('What is running out?'), 24, 1],
    [l.number('Verdict', 'The worst finding that holds.', 'none', 'max(conn_finding{' + here + ', severity="warning"} or 2 * conn_finding{' + here + ', severity="critical"})', l.plainSteps, l.severities, empty='no data'), 4, 4],
    [l.bars('Used, of the limit', 'The fullest of its kind: one destination, one process, one listener.', 'percentunit', 'sort_desc(conn_resource_used_ratio{' + here + '})', '{{resource}} {{netns}}', l.ratioSteps, max=1), 10, 9],
    [l.rows('Findings', 'What the daemon finds wrong now.', 'none', 'conn_finding{' + here + '} == 1', ['finding', 'severity', 'netns'], 'holds', links={ finding: l.runbookLink }, empty='nothing wrong'), 10, 9],
    [l.lines('Highest of the last 60 s', 'Peaks that a scrape interval would miss.', 'percentunit', [['conn_resource_peak_ratio{' + here + '}', '{{resource}} {{netns}}']], l.ratioSteps, max=1), 24, 8],

    [l.row('Who holds it?'), 24, 1],
    [l.rows('The fullest of each resource', 'Which destination, listener or process it is, and who holds it.', 'percentunit', 'conn_resource_used_ratio{' + here + '} * ' + join, ['resource', 'netns', 'resource_instance', 'holder'], 'used', l.ratioSteps), 12, 8],
    [l.rows(
      'Listeners', 'Highest accept queue of the last 60 s against its room, which is the backlog and one more.', 'percentunit',
      'topk(20, conn_listener_accept_queue_peak{' + here + '} / (conn_listener_accept_queue_limit{' + here + '} + 1) * on (job, instance, netns, address, port) group_left (unit, process) conn_listener_info{' + here + '})',
      ['address', 'port', 'netns', 'unit', 'process'], 'used', l.ratioSteps
    ), 12, 8],
    [l.lines('Ephemeral ports by destination', 'Ports that cannot be handed out again towards it; the limit is for each destination.', 'short', [
      ['topk(10, sum by (netns, source, destination, port) (conn_ephemeral_destination_ports{' + here + ', kind!="reusable_time_wait"}))', '{{source}} → {{destination}}:{{port}} {{netns}}'],
      ['topk(10, sum by (source, destination, port) (conn_port_lookup_destination_ports{' + host + '}))', '{{source}} → {{destination}}:{{port}} since the census'],
      ['min(conn_ephemeral_ports_usable{' + here + '})', 'limit'],
    ]), 12, 8],
    [l.lines('Sockets by unit', 'systemd units and containers.', 'short', [['topk(10, sum by (unit) (conn_unit_sockets{' + here + '}))', '{{unit}}']]), 12, 8],
    [l.lines('Descriptors of the worst process', 'Against its own soft limit.', 'percentunit', [
      ['topk(10, conn_process_group_worst_file_descriptors{' + host + '} / conn_process_group_worst_file_descriptors_limit{' + host + '})', '{{process}} of {{unit}}'],
    ], l.ratioSteps, max=1), 12, 8],
    [l.lines('Peers', 'Sockets by remote address.', 'short', [['topk(10, sum by (remote, direction) (conn_remote_sockets{' + here + '}))', '{{remote}} {{direction}}']]), 12, 8],
    [l.lines('Not closed by the application', 'CLOSE_WAIT by process. No setting cures it.', 'short', [['topk(10, sum by (process, unit) (conn_process_sockets{' + host + ', state="close_wait"}))', '{{process}} of {{unit}}']]), 12, 8],
    [l.lines('Age of the oldest CLOSE_WAIT', 'Time since its peer sent the last segment.', 's', [['conn_tcp_close_wait_oldest_seconds{' + here + '}', '{{netns}}']]), 12, 8],

    [l.row('When will it be gone?'), 24, 1],
    [l.bars('Time left', 'Until the first of its kind is full, at the present growth. Nothing is shown where nothing grows.', 's', 'sort(conn_resource_exhaustion_seconds{' + here + '})', '{{resource}} {{netns}}', l.remainingSteps, empty='nothing grows'), 8, 8],
    [l.lines('Time left, over time', 'A line that falls by as much as time passes is a forecast that comes true.', 's', [['conn_resource_exhaustion_seconds{' + here + '}', '{{resource}} {{netns}}']]), 8, 8],
    [l.lines('Used, of the limit, over time', 'The fullest of its kind.', 'percentunit', [['conn_resource_used_ratio{' + here + '}', '{{resource}} {{netns}}']], l.ratioSteps, max=1), 8, 8],

    [l.row('What to do?'), 24, 1],
    [l.rows('Evidence, holder and runbook', 'Follow the name of the finding.', 'none', 'conn_finding_info{' + here + '}', ['finding', 'netns', 'holder', 'evidence'], 'holds', links={ finding: l.runbookLink }, empty='nothing to do'), 16, 8],
    [l.words(
      'In this order',
      "1. Name the resource, then its holder: the tables above.\n2. The runbook of the finding: remedies, least risk first.\n3. On the host, before any restart: `conn-exporter diagnose`; it prints the commands with the names filled in.\n4. [The host's page](${scheme}://${instance}/) shows the same live, and keeps what was seen."
    ), 8, 8],
    [l.rows('Settings of the kernel', 'As they are now; none of them is ever changed by the exporter.', 'none', 'conn_sysctl{' + here + '}', ['name', 'netns'], 'value'), 24, 8],

    [l.row('Sockets'), 24, 1],
    [l.lines('Sockets by state', 'IPv4 and IPv6.', 'short', [['sum by (state) (conn_tcp_sockets{' + here + '})', '{{state}}']]), 12, 8],
    [l.lines('Opened and failed', 'Connections a second.', 'cps', [
      ['sum(rate(conn_tcp_active_opens_total{' + here + '}[$__rate_interval]))', 'opened by this host'],
      ['sum(rate(conn_tcp_passive_opens_total{' + here + '}[$__rate_interval]))', 'accepted'],
      ['sum(rate(conn_tcp_attempt_fails_total{' + here + '}[$__rate_interval]))', 'failed'],
      ['sum(rate(conn_tcp_established_resets_total{' + here + '}[$__rate_interval]))', 'reset'],
    ]), 12, 8],
    [l.lines('Turned away by listeners', 'Connection attempts a second.', 'cps', [
      ['sum by (netns) (rate(conn_tcp_listen_overflows_total{' + here + '}[$__rate_interval]))', 'accept queue full {{netns}}'],
      ['topk(10, rate(conn_listener_drops_total{' + here + '}[$__rate_interval]))', '{{address}}:{{port}} {{netns}}'],
      ['sum by (netns) (rate(conn_tcp_syncookies_sent_total{' + here + '}[$__rate_interval]))', 'answered with a SYN cookie {{netns}}'],
    ]), 12, 8],
    [l.lines('Aborted by this host', 'Connections a second.', 'cps', [['sum by (reason) (rate(conn_tcp_aborts_total{' + here + '}[$__rate_interval]))', '{{reason}}']]), 12, 8],
    [l.lines('Retransmitted', 'Share of the segments sent; 5 % is a lot.', 'percentunit', [
      ['rate(conn_tcp_segments_retransmitted_total{' + here + '}[$__rate_interval]) / (rate(conn_tcp_segments_sent_total{' + here + '}[$__rate_interval]) > 0)', '{{netns}}'],
    ]), 12, 8],
    [l.lines('Stalled sockets', 'Somebody does not read.', 'short', [['sum by (reason, netns) (conn_tcp_stalled_sockets{' + here + '})', '{{reason}} {{netns}}']]), 12, 8],
    [l.lines('Memory of TCP', 'Of the whole host.', 'bytes', [
      ['conn_tcp_memory_bytes{' + host + '}', 'used'],
      ['conn_tcp_memory_pressure_bytes{' + host + '}', 'pressure begins'],
      ['conn_tcp_memory_limit_bytes{' + host + '}', 'limit'],
    ]), 12, 8],
    [l.lines('Connection tracking', 'Entries against the limit, and what was dropped.', 'short', [
      ['conn_conntrack_entries{' + here + '}', 'entries {{netns}}'],
      ['conn_conntrack_entries_limit{' + host + '}', 'limit'],
      ['rate(conn_conntrack_drops_total{' + here + '}[$__rate_interval])', 'dropped a second {{netns}}'],
    ]), 12, 8],
    [l.lines('Orphans', 'Sockets that no process holds any more, of the whole host.', 'short', [
      ['conn_tcp_orphaned_sockets{' + host + '}', 'orphans'],
      ['conn_tcp_orphaned_sockets_limit{' + host + '}', 'limit'],
    ]), 12, 8],
    [l.lines('Descriptors of the host', 'Open files against fs.file-max.', 'short', [
      ['conn_file_descriptors{' + host + '}', 'open'],
      ['conn_file_descriptors_limit{' + host + '}', 'limit'],
    ]), 12, 8],

    [l.row('UDP, Unix sockets, and what comes before TCP'), 24, 1],
    [l.lines('UDP ports by local address', 'Ports that are taken from who binds to the address; 0.0.0.0 and :: are those that choose none.', 'short', [
      ['topk(10, conn_udp_ports_in_use{' + here + '})', '{{address}} {{netns}}'],
      ['min(conn_ephemeral_ports_usable{' + here + '})', 'limit'],
    ]), 12, 8],
    [l.lines('UDP sockets by unit', 'systemd units and containers.', 'short', [['topk(10, sum by (unit) (conn_udp_unit_sockets{' + here + '}))', '{{unit}}']]), 12, 8],
    [l.lines('UDP errors', 'Datagrams a second; by socket where its own count tells.', 'cps', [
      ['sum by (family, reason) (rate(conn_udp_errors_total{' + here + '}[$__rate_interval])) > 0', '{{family}} {{reason}}'],
      ['topk(5, rate(conn_udp_socket_drops_total{' + here + '}[$__rate_interval])) > 0', '{{address}}:{{port}} {{netns}}'],
    ]), 12, 8],
    [l.lines('Accept queues of Unix sockets', 'Highest of the last 60 s against its room, which is the backlog and one more.', 'percentunit', [
      ['topk(10, conn_unix_listener_queue_peak{' + here + '} / (conn_unix_listener_queue_limit{' + here + '} + 1))', '{{name}} {{netns}}'],
    ], l.ratioSteps, max=1), 12, 8],
    [l.lines('Unix sockets that take nothing', 'Share of the time at which a listener was seen full; 1 for a receiver of datagrams that is.', 'percentunit', [
      ['topk(10, rate(conn_unix_listener_full_seconds_total{' + here + '}[$__rate_interval])) > 0', '{{name}} {{netns}}'],
      ['conn_unix_receiver_full{' + here + '} == 1', '{{name}} {{netns}}'],
    ], max=1), 12, 8],
    [l.lines('Neighbours', 'Entries of the tables of the whole host against gc_thresh3.', 'short', [
      ['conn_neighbour_entries{' + host + '}', '{{family}}'],
      ['conn_neighbour_entries_limit{' + host + '}', 'limit {{family}}'],
    ]), 12, 8],
    [l.lines('Before any protocol', 'Packets a second that a full backlog dropped, and times that a processor had packets left.', 'cps', [
      ['rate(conn_softnet_drops_total{' + host + '}[$__rate_interval])', 'dropped'],
      ['rate(conn_softnet_squeezes_total{' + host + '}[$__rate_interval])', 'squeezed'],
    ]), 12, 8],
    [l.lines('Connections of the instance', 'Against the limit that was given (--limits.connections).', 'percentunit', [['conn_resource_used_ratio{' + host + ', resource="instance_connections"}', 'used']], l.ratioSteps, max=1), 12, 8],

    [l.row('The exporter itself'), 24, 1],
    [l.rows('Collectors', 'What is not ok is left out of the graphs.', 'none', 'conn_collector_outcome{' + host + '} == 1', ['collector', 'outcome'], 'holds'), 8, 8],
    [l.lines('Age of the data', 'Since the newest good reading of each collector.', 's', [['time() - conn_collector_last_success_timestamp_seconds{' + host + '}', '{{collector}}']]), 8, 8],
    [l.lines('CPU of the collectors', 'Share of one core.', 'percentunit', [['rate(conn_collector_cpu_seconds_total{' + host + '}[$__rate_interval])', '{{collector}}']]), 8, 8],
    [l.lines('Memory of the exporter', 'In RAM.', 'bytes', [['process_resident_memory_bytes{' + host + '}', 'resident']]), 8, 8],
    [l.lines('Left out by a bound', 'Label sets a second that had no row any more.', 'cps', [['rate(conn_series_dropped_total{' + host + '}[$__rate_interval]) > 0', '{{family}}']]), 8, 8],
    [l.lines('Errors', 'Samples without a reading, and values left out, a second.', 'cps', [['rate(conn_collector_errors_total{' + host + '}[$__rate_interval]) > 0', '{{collector}} {{reason}}']]), 8, 8],
  ]
)
