// The few parts that both dashboards are made of. Nothing here knows a metric.
local runbooks = 'https://conn-exporter.example/docs/runbooks/en/';

{
  datasource:: { type: 'prometheus', uid: '${datasource}' },

  // Colours of a ratio, as the daemon's defaults judge it.
  ratioSteps:: [{ color: 'green', value: null }, { color: 'orange', value: 0.8 }, { color: 'red', value: 0.95 }],
  plainSteps:: [{ color: 'green', value: null }],
  // Anything but 0 is worth a look.
  zeroSteps:: [{ color: 'green', value: null }, { color: 'orange', value: 1 }],
  // Seconds until something is gone: fewer are worse.
  remainingSteps:: [{ color: 'red', value: null }, { color: 'orange', value: 300 }, { color: 'green', value: 1800 }],

  severities:: [{
    type: 'value',
    options: {
      '0': { text: 'nothing wrong', color: 'green', index: 0 },
      '1': { text: 'warning', color: 'orange', index: 1 },
      '2': { text: 'critical', color: 'red', index: 2 },
    },
  }],

  hostLink:: {
    title: 'Host ${__data.fields.instance}',
    url: '/d/conn-exporter-host?var-datasource=${datasource}&var-job=${job}&var-instance=${__data.fields.instance}&${__url_time_range}',
  },
  runbookLink:: { title: 'Runbook', url: '${runbooks}${__data.fields.finding}.md', targetBlank: true },

  local target(query, legend, instant) = {
    refId: 'A',
    datasource: $.datasource,
    expr: query,
    legendFormat: legend,
    instant: instant,
    range: !instant,
    format: if instant then 'table' else 'time_series',
  },
  local targets(queries, instant) = std.mapWithIndex(
    function(i, pair) target(pair[0], pair[1], instant) { refId: std.char(65 + i) }, queries
  ),
  local panel(type, title, description, unit, steps, targets) = {
    type: type,
    title: title,
    description: description,
    datasource: $.datasource,
    targets: targets,
    fieldConfig: {
      defaults: { unit: unit, thresholds: { mode: 'absolute', steps: steps }, color: { mode: 'palette-classic' }, custom: {} },
      overrides: [],
    },
    options: {},
  },

  // Lines over time. queries: [[query, legend], ...]
  lines(title, description, unit, queries, steps=$.plainSteps, max=null):: panel('timeseries', title, description, unit, steps, targets(queries, false)) {
    fieldConfig+: { defaults+: {
      min: 0,
      [if max != null then 'max']: max,
      custom+: {
        lineWidth: 1,
        fillOpacity: 10,
        showPoints: 'never',
        // The line of a threshold is drawn where there is more than one step.
        thresholdsStyle: { mode: if std.length(steps) > 1 then 'line' else 'off' },
      },
    } },
    options+: { legend: { displayMode: 'table', placement: 'right', calcs: ['lastNotNull', 'max'], sortBy: 'Last *', sortDesc: true }, tooltip: { mode: 'multi', sort: 'desc' } },
  },

  // Bars as of now, in the order of the query.
  bars(title, description, unit, query, legend, steps, max=null, empty='nothing'):: panel('bargauge', title, description, unit, steps, [target(query, legend, true) { format: 'time_series' }]) {
    fieldConfig+: { defaults+: { color: { mode: 'thresholds' }, min: 0, [if max != null then 'max']: max, noValue: empty } },
    options+: { orientation: 'horizontal', displayMode: 'gradient', showUnfilled: true, reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } },
  },

  // One number as of now.
  number(title, description, unit, query, steps, mappings=[], empty='0'):: panel('stat', title, description, unit, steps, [target(query, '', true) { format: 'time_series' }]) {
    fieldConfig+: { defaults+: { color: { mode: 'thresholds' }, mappings: mappings, noValue: empty } },
    options+: { colorMode: 'background', graphMode: 'none', reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } },
  },

  // A table of labels and the value, as of now. columns: labels in their order; links: link by label.
  rows(title, description, unit, query, columns, value, steps=$.plainSteps, links={}, empty='nothing'):: panel('table', title, description, unit, steps, [target(query, '', true)]) {
    fieldConfig+: {
      defaults+: { color: { mode: 'thresholds' }, noValue: empty, custom: { cellOptions: { type: 'auto' }, filterable: true } },
      overrides: [
        { matcher: { id: 'byName', options: value }, properties: [{ id: 'custom.cellOptions', value: { type: 'color-text' } }] },
      ] + [
        { matcher: { id: 'byName', options: label }, properties: [{ id: 'links', value: [links[label]] }] }
        for label in std.objectFields(links)
      ],
    },
    transformations: [
      { id: 'filterFieldsByName', options: { include: { names: columns + ['Value'] } } },
      { id: 'organize', options: {
        indexByName: { [label]: std.find(label, columns)[0] for label in columns } + { Value: std.length(columns) },
        renameByName: { Value: value },
      } },
    ],
    options+: { showHeader: true, cellHeight: 'sm', sortBy: [{ displayName: value, desc: true }] },
  },

  words(title, markdown):: { type: 'text', title: title, datasource: $.datasource, options: { mode: 'markdown', content: markdown } },

  row(title):: { type: 'row', title: title, collapsed: false, panels: [] },

  // Places panels from left to right in lines. Each is [panel, width, height]; a row takes the whole width.
  layout(panels):: std.foldl(
    function(state, entry)
      local panel = entry[0];
      local w = if panel.type == 'row' then 24 else entry[1];
      local h = if panel.type == 'row' then 1 else entry[2];
      local wraps = state.x + w > 24;
      local x = if wraps then 0 else state.x;
      local y = if wraps then state.y + state.h else state.y;
      {
        x: x + w,
        y: y,
        h: if wraps then h else std.max(state.h, h),
        id: state.id + 1,
        panels: state.panels + [panel { id: state.id, gridPos: { x: x, y: y, w: w, h: h } }],
      },
    panels,
    { x: 0, y: 0, h: 0, id: 1, panels: [] }
  ).panels,

  // Variables.
  chooseDatasource:: { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1, hide: 0, multi: false, includeAll: false },
  choose(name, label, query, several=false):: {
    name: name,
    label: label,
    type: 'query',
    datasource: $.datasource,
    query: { query: query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    hide: 0,
    multi: several,
    includeAll: several,
    [if several then 'allValue']: '.+',
    [if several then 'current']: { selected: true, text: ['All'], value: ['$__all'] },
  },
  scheme:: {
    name: 'scheme',
    label: 'Host page',
    type: 'custom',
    query: 'http,https',
    hide: 0,
    multi: false,
    includeAll: false,
    current: { selected: true, text: 'http', value: 'http' },
    options: [{ selected: true, text: 'http', value: 'http' }, { selected: false, text: 'https', value: 'https' }],
  },
  // The one place in the dashboards that knows where the runbooks are.
  runbooks:: { name: 'runbooks', label: 'Runbooks', type: 'constant', query: runbooks, hide: 2 },

  annotation(name, color, query, title):: {
    name: name,
    datasource: $.datasource,
    enable: true,
    hide: false,
    iconColor: color,
    expr: query,
    step: '30s',
    titleFormat: title,
    textFormat: '{{instance}} {{netns}}',
    useValueForTime: false,
  },

  dashboard(uid, title, description, variables, annotations, links, panels):: {
    uid: uid,
    title: title,
    description: description,
    tags: ['conn-exporter'],
    schemaVersion: 38,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: '',
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: variables },
    annotations: { list: annotations },
    links: links,
    panels: $.layout(panels),
  },
}
