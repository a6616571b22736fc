// All hosts: worst first. Reads the series of rules/conn-exporter.recording.yml, so that it opens fast on thousands of hosts.
local l = import 'lib.libsonnet';

local hosts = 'job="$job", instance=~"$instance"';

local worst(title, description, unit, query, steps, max=null) =
  l.bars(title, description, unit, 'topk(10, ' + query + ')', '{{instance}}', steps, max=max) {
    fieldConfig+: { defaults+: { links: [l.hostLink { title: 'Host ${__field.labels.instance}', url: std.strReplace(l.hostLink.url, '__data.fields.instance', '__field.labels.instance') }] } },
  };

l.dashboard(
  'conn-exporter-fleet',
  'Connections: fleet',
  'All hosts, worst first. Needs the recording rules of conn-exporter.',
  [
    l.chooseDatasource,
    l.choose('job', 'Job', 'label_values(conn_exporter_build_info, job)'),
    l.choose('instance', 'Hosts', 'label_values(conn_exporter_build_info{job="$job"}, instance)', several=true),
    l.choose('netns', 'Network namespace', 'label_values(conn_finding{job="$job"}, netns)', several=true),
    l.choose('resource', 'Resource', 'label_values(instance_resource:conn_resource_used_ratio:max{job="$job"}, resource)', several=true),
    l.runbooks,
  ],
  [
    l.annotation('Critical', 'red', 'sum by (finding) (job_finding_severity:conn_finding:count{job="$job", severity="critical"}) > 0', '{{finding}}'),
  ],
  [
    { type: 'link', title: 'Runbooks', url: '${runbooks}', targetBlank: true, icon: 'doc' },
  ],
  [
    [l.row('Now'), 24, 1],
    [l.number('Hosts that answer', 'Exporters scraped.', 'short', 'sum(up{' + hosts + '})', l.plainSteps), 6, 4],
    [l.number('Hosts that do not', 'Exporters that could not be scraped.', 'short', 'count(up{' + hosts + '} == 0) or vector(0)', l.zeroSteps), 6, 4],
    [l.number('Critical', 'Hosts with a critical finding.', 'short', 'count(instance:conn_finding_severity:max{' + hosts + '} == 2) or vector(0)', [{ color: 'green', value: null }, { color: 'red', value: 1 }]), 6, 4],
    [l.number('Warning', 'Hosts with a warning, and nothing worse.', 'short', 'count(instance:conn_finding_severity:max{' + hosts + '} == 1) or vector(0)', l.zeroSteps), 6, 4],

    [l.row('Worst hosts first'), 24, 1],
    [l.rows(
      'Fullest', 'The 50 hosts and resources that are nearest to their limit.', 'percentunit',
      'topk(50, instance_resource:conn_resource_used_ratio:max{' + hosts + ', resource=~"$resource"})', ['instance', 'resource'], 'used', l.ratioSteps, links={ instance: l.hostLink }
    ), 8, 12],
    [l.rows(
      'Gone soonest', 'Forecast of the hosts themselves.', 's',
      'bottomk(50, instance_resource:conn_resource_exhaustion_seconds:min{' + hosts + ', resource=~"$resource"})', ['instance', 'resource'], 'left', l.remainingSteps, links={ instance: l.hostLink }, empty='nothing grows'
    ) + { options+: { sortBy: [{ displayName: 'left', desc: false }] } }, 8, 12],
    [l.rows(
      'Findings', 'What holds now: warnings and worse.', 'none',
      'topk(100, conn_finding{' + hosts + ', netns=~"$netns", severity=~"warning|critical"} == 1)', ['instance', 'finding', 'severity', 'netns'], 'holds', links={ instance: l.hostLink, finding: l.runbookLink }, empty='nothing wrong'
    ), 8, 12],

    [l.row('By resource'), 24, 1],
    [worst('$resource', 'The ten fullest hosts.', 'percentunit', 'instance_resource:conn_resource_used_ratio:max{' + hosts + ', resource=~"$resource"}', l.ratioSteps, max=1) { repeat: 'resource', repeatDirection: 'h', maxPerRow: 3 }, 8, 8],

    [l.row('The fleet over time'), 24, 1],
    [l.lines('Hosts with a finding', 'By finding and severity.', 'short', [['job_finding_severity:conn_finding:count{job="$job"}', '{{finding}} {{severity}}']]), 12, 8],
    [l.lines('Used, of the limit', 'The fullest host, and the one that 95 of 100 are below.', 'percentunit', [
      ['job_resource:conn_resource_used_ratio:max{job="$job", resource=~"$resource"}', '{{resource}} worst'],
      ['job_resource:conn_resource_used_ratio:p95{job="$job", resource=~"$resource"}', '{{resource}} p95'],
    ], l.ratioSteps, max=1), 12, 8],
    [l.lines('Sockets by state', 'Of all hosts together.', 'short', [['job_state:conn_tcp_sockets:sum{job="$job"}', '{{state}}']]), 12, 8],
    [l.lines('Hosts', 'Known and answering.', 'short', [['job:up:count{job="$job"}', 'known'], ['job:up:sum{job="$job"}', 'answer']]), 12, 8],

    [l.row('Busiest hosts'), 24, 1],
    [worst('Established', 'TCP connections in ESTABLISHED.', 'short', 'instance_state:conn_tcp_sockets:sum{' + hosts + ', state="established"}', l.plainSteps), 8, 8],
    [worst('Not established', 'All other states but LISTEN; TIME_WAIT mostly.', 'short', 'instance:conn_tcp_sockets_non_established:sum{' + hosts + '}', l.plainSteps), 8, 8],
    [worst('Turned away by full accept queues', 'Connection attempts a second.', 'cps', 'instance:conn_tcp_listen_overflows:rate5m{' + hosts + '}', l.zeroSteps), 8, 8],
    [worst('Opened and accepted', 'Connections a second.', 'cps', 'sum by (instance) (instance_netns:conn_tcp_opens:rate5m{' + hosts + '})', l.plainSteps), 8, 8],
    [worst('Retransmitted', 'Share of the segments sent.', 'percentunit', 'max by (instance) (instance_netns:conn_tcp_segments_retransmitted:ratio_rate5m{' + hosts + '})', [{ color: 'green', value: null }, { color: 'orange', value: 0.05 }]), 8, 8],
    [worst('Connection tracking', 'Entries of the limit.', 'percentunit', 'max by (instance) (instance_netns:conn_conntrack_entries:ratio{' + hosts + '})', l.ratioSteps, max=1), 8, 8],
    [worst('Memory of TCP', 'Of the limit.', 'percentunit', 'instance:conn_tcp_memory:ratio{' + hosts + '}', l.ratioSteps, max=1), 8, 8],
    [worst('Open files', 'Of fs.file-max.', 'percentunit', 'instance:conn_file_descriptors:ratio{' + hosts + '}', l.ratioSteps, max=1), 8, 8],

    [l.row('What it costs'), 24, 1],
    [worst('CPU of the exporters', 'Share of one core.', 'percentunit', 'instance:conn_collector_cpu_seconds:rate5m{' + hosts + '}', l.plainSteps), 8, 8],
    [worst('Series', 'Samples in one scrape.', 'short', 'scrape_samples_post_metric_relabeling{' + hosts + '}', l.plainSteps), 8, 8],
    [l.rows('Collectors that do not read', 'By what they meet, and on how many hosts.', 'short', 'count by (collector, outcome) (conn_collector_outcome{' + hosts + ', outcome!="ok"} == 1)', ['collector', 'outcome'], 'hosts'), 8, 8],
    [l.rows('Versions', 'Of the exporters.', 'short', 'count by (version, revision) (conn_exporter_build_info{' + hosts + '})', ['version', 'revision'], 'hosts'), 8, 8],
  ]
)
