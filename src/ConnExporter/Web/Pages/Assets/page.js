// Keeps the status page up to date: asks for its parts again and changes what has changed, nothing else, so that scrolling,
// selected text, open details, sorting and the filter stay as they are. Without it the page is whole, only not live.
'use strict';
(() => {
  const every = 5000, patience = 8000;
  const $ = id => document.getElementById(id);
  const live = $('live'), pause = $('pause'), filter = $('filter');
  const shown = {};
  const sorted = {};
  let paused = false, last = document.querySelector('.verdict time')?.textContent ?? '', timer = 0;
  document.documentElement.classList.add('js');

  // ---- putting new markup into the page -----------------------------------------------------------------------------
  const keyOf = node => node.nodeType === 1 ? node.getAttribute('data-k') : null;
  const isKept = (node, name) => name === 'open' && node.nodeName === 'DETAILS';

  function morph(have, want) {
    for (const { name, value } of [...want.attributes]) {
      if (!isKept(have, name) && have.getAttribute(name) !== value) have.setAttribute(name, value);
    }
    for (const { name } of [...have.attributes]) {
      if (!isKept(have, name) && !want.hasAttribute(name)) have.removeAttribute(name);
    }
    morphChildren(have, want);
  }

  function morphChildren(have, want) {
    const keyed = new Map();
    for (const child of [...want.childNodes]) if (keyOf(child) !== null) keyed.set(keyOf(child), null);
    for (const child of [...have.childNodes]) {
      const key = keyOf(child);
      if (key === null) continue;
      if (keyed.get(key) === null) keyed.set(key, child); else child.remove();
    }
    let at = have.firstChild;
    for (const next of [...want.childNodes]) {
      const key = keyOf(next);
      const match = key !== null ? keyed.get(key) : at && at.nodeName === next.nodeName && keyOf(at) === null ? at : null;
      if (!match || match.nodeName !== next.nodeName) {
        have.insertBefore(next, at);
        continue;
      }
      if (match === at) at = at.nextSibling; else have.insertBefore(match, at);
      if (match.nodeType === 1) morph(match, next);
      else if (match.data !== next.data) match.data = next.data;
    }
    while (at) {
      const rest = at.nextSibling;
      at.remove();
      at = rest;
    }
  }

  function isSelectedIn(part) {
    const selection = getSelection();
    return !selection.isCollapsed && selection.rangeCount > 0 && selection.getRangeAt(0).intersectsNode(part);
  }

  function put(answer) {
    let held = false;
    document.title = answer.title;
    for (const [name, markup] of Object.entries(answer.parts)) {
      const part = $('part-' + name);
      if (shown[name] === markup) continue;
      if (isSelectedIn(part)) {
        held = true;
        continue;
      }
      // Nothing in a document made this way runs or loads.
      const fresh = new DOMParser().parseFromString(markup, 'text/html').body;
      if (name === 'tables') arrange(fresh);
      const focused = document.activeElement;
      morphChildren(part, fresh);
      if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
      shown[name] = markup;
    }
    last = document.querySelector('.verdict time')?.textContent ?? last;
    say(held ? 'held' : 'live');
  }

  // ---- asking ---------------------------------------------------------------------------------------------------------
  function say(state) {
    live.className = state;
    live.textContent = live.dataset[state].replace('{time}', last);
  }

  async function ask() {
    clearTimeout(timer);
    if (paused || document.hidden) return;
    try {
      const answer = await fetch('api/v1/page?lang=' + document.body.dataset.lang, { cache: 'no-cache', credentials: 'same-origin', signal: AbortSignal.timeout(patience) });
      if (!answer.ok) throw new Error(answer.status);
      put(await answer.json());
    } catch {
      say('lost');
    }
    clearTimeout(timer);
    timer = setTimeout(ask, every);
  }

  pause.addEventListener('click', () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', paused);
    if (paused) say('paused'); else ask();
  });
  document.addEventListener('visibilitychange', ask);

  // ---- tables ---------------------------------------------------------------------------------------------------------
  const cellOf = (row, column) => row.cells[column];
  const numberOf = cell => Number(cell.dataset.v ?? cell.textContent.replaceAll(',', ''));
  const isNumeric = cell => !Number.isNaN(numberOf(cell));

  function compare(a, b) {
    return isNumeric(a) && isNumeric(b) ? numberOf(a) - numberOf(b) : a.textContent.localeCompare(b.textContent, undefined, { numeric: true });
  }

  function sort(table) {
    const wanted = sorted[table.dataset.table];
    const head = table.tHead.rows[0];
    for (const cell of head.cells) cell.removeAttribute('aria-sort');
    if (!wanted || !head.cells[wanted.column]) return;
    head.cells[wanted.column].setAttribute('aria-sort', wanted.descending ? 'descending' : 'ascending');
    const body = table.tBodies[0];
    // What is not known goes last, whichever way.
    const isUnknown = row => head.cells[wanted.column].className === 'n' && !isNumeric(cellOf(row, wanted.column));
    const rows = [...body.rows].sort((a, b) =>
      isUnknown(a) - isUnknown(b) || compare(cellOf(a, wanted.column), cellOf(b, wanted.column)) * (wanted.descending ? -1 : 1));
    rows.forEach((row, i) => { if (body.rows[i] !== row) body.insertBefore(row, body.rows[i]); });
  }

  function sift(section) {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const table = section.querySelector('table');
    const count = section.querySelector('.count');
    if (!table || !count) return;
    const all = count.dataset.all ?? count.textContent;
    let matching = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      matching += !row.hidden;
    }
    if (words.length) count.dataset.all = all; else delete count.dataset.all;
    count.textContent = words.length ? matching + ' / ' + all : all;
  }

  function arrange(root) {
    root.querySelectorAll('table[data-table]').forEach(sort);
    root.querySelectorAll('section.table').forEach(sift);
  }

  filter.addEventListener('input', () => arrange($('part-tables')));
  document.addEventListener('keydown', event => {
    const field = event.target.closest?.('input, textarea, select');
    if (event.key === '/' && !field && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === 'Escape' && event.target === filter) {
      filter.value = '';
      arrange($('part-tables'));
    }
  });

  document.addEventListener('click', event => {
    const button = event.target.closest?.('button');
    if (button?.classList.contains('sort')) {
      const cell = button.closest('th'), table = button.closest('table');
      const before = sorted[table.dataset.table];
      // Numbers are looked at from the top, names from the start; a third click gives the page's own order back.
      const first = cell.className === 'n';
      sorted[table.dataset.table] = before?.column !== cell.cellIndex ? { column: cell.cellIndex, descending: first }
        : before.descending === first ? { column: cell.cellIndex, descending: !first } : undefined;
      sort(table);
      if (!sorted[table.dataset.table]) {
        delete shown.tables;
        ask();
      }
    } else if (button?.classList.contains('copy')) {
      copy(button);
    }
  });

  // ---- copying --------------------------------------------------------------------------------------------------------
  async function copy(button) {
    const code = button.parentElement.querySelector('code');
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Only pages of a secure context may write: select it, which works everywhere, and try the old way.
      getSelection().selectAllChildren(code);
      if (!document.execCommand('copy')) return;
      getSelection().removeAllRanges();
    }
    const label = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 1500);
  }

  say('live');
  timer = setTimeout(ask, every);
})();
