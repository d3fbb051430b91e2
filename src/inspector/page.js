'use strict';
const $ = id => document.getElementById(id);
/** An element; children are elements or texts, never markup. */
function h(tag, props, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat(9).filter(child => child != null && child !== false));
  return element;
}
const svg = (tag, props, ...children) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(props || {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
};
/** A message is HTML in Rossum; here its text, read by an inert parser. */
const plain = html => String(html).includes('<') || String(html).includes('&')
  ? new DOMParser().parseFromString(String(html), 'text/html').body.textContent : String(html);
const span = us => us < 10_000 ? `${(us / 1000).toFixed(us < 1000 ? 2 : 1)} ms` : us < 1e6 ? `${Math.round(us / 1000)} ms` : `${(us / 1e6).toFixed(1)} s`;
const clock = ms => new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const count = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

const state = { mode: '', most: 500, lines: [], items: new Map(), chosen: null, detail: null, tab: 0, follow: true, counts: [], now: 0, pending: [] };
const kind = line => line.status >= 500 ? 'failed' : line.status >= 400 ? 'refused' : 'ok';

// The list.
function item(line) {
  const what = [line.event || `${line.method} ${line.path}`, line.annotation && `#${line.annotation}`].filter(Boolean).join(' · ');
  const came = line.verdict.verified && !line.problem ? `${count(line.messages, 'message')}, ${count(line.operations, 'change')}` : line.problem || line.verdict.text;
  const element = h('li', { role: 'option', id: `d${line.number}`, 'aria-selected': 'false', onclick: () => choose(line.number, true) },
    h('span.who', {}, h(`span.mark.${kind(line)}`, { title: String(line.status) }), line.hook || 'no hook', line.again && ` (#${line.again} again)`),
    h('span.when', {}, clock(line.received)),
    h('span.what', { title: what }, what), h('span.took', {}, span(line.took)),
    h('span.what', { title: came }, came), h('span.took', {}, String(line.status)));
  element.words = `${line.hook} ${what} ${came} ${line.status} ${line.note || ''}`.toLowerCase();
  return element;
}
function fits(element) {
  const words = $('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every(word => element.words.includes(word));
}
function add(lines, fresh) {
  const list = $('list');
  const made = lines.map(line => {
    const element = item(line);
    element.hidden = !fits(element);
    if (fresh) element.classList.add('fresh');
    state.items.set(line.number, element);
    return element;
  });
  list.prepend(...made.reverse());
  state.lines.unshift(...[...lines].reverse());
  while (state.lines.length > state.most) {
    const line = state.lines.pop();
    state.items.get(line.number)?.remove();
    state.items.delete(line.number);
  }
  $('none').hidden = state.lines.length > 0;
}
/** Deliveries that came since the last look are taken together, some times a second. */
let timer = null;
function came(line) {
  state.pending.push(line);
  if (state.pending.length > state.most) state.pending.shift();
  tally(line);
  timer ??= setTimeout(() => {
    timer = null;
    add(state.pending.splice(0), true);
    draw();
    if (state.follow && state.lines.length) choose(state.lines[0].number, false);
  }, 100);
}
function choose(number, byHand) {
  if (byHand) { state.follow = number === state.lines[0]?.number; document.body.classList.add('reading'); }
  if (state.chosen === number) return;
  state.items.get(state.chosen)?.setAttribute('aria-selected', 'false');
  state.chosen = number;
  const element = state.items.get(number);
  element?.setAttribute('aria-selected', 'true');
  $('list').setAttribute('aria-activedescendant', `d${number}`);
  if (byHand) element?.scrollIntoView({ block: 'nearest' });
  fetchDetail();
}
function move(by) {
  const shown = state.lines.filter(line => !state.items.get(line.number)?.hidden);
  const at = shown.findIndex(line => line.number === state.chosen);
  const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
  if (next) choose(next.number, true);
}

// One delivery.
let fetching = false;
async function fetchDetail() {
  if (fetching) return;
  fetching = true;
  let number;
  do {
    number = state.chosen;
    const response = await fetch(`/inspector/deliveries/${number}`).catch(() => null);
    const detail = response && await response.json().catch(() => null);
    if (number === state.chosen) {
      state.detail = response?.ok ? detail : null;
      render(detail?.problem || 'The server does not answer.');
    }
  } while (number !== state.chosen);
  fetching = false;
}
const TABS = ['Document', 'Steps', 'Request', 'Answer'];
function render(problem) {
  const place = $('detail');
  const back = h('button', { id: 'back', type: 'button', onclick: leave }, '‹ Deliveries');
  if (!state.detail) return place.replaceChildren(back, h('p.empty', {}, problem));
  const { line, more } = state.detail;
  const doing = state.mode === 'developing' && h('span.do', {},
    h('button.main', { id: 'again', type: 'button', disabled: !state.detail.payload, title: 'r', onclick: again }, 'Send again'),
    h('button', { id: 'save', type: 'button', disabled: line.status !== 200, title: 's', onclick: save }, 'Save as test case'));
  const facts = [new Date(line.received).toLocaleString(), `${line.status} in ${span(line.took)}`, `from ${more.from}`,
    more.request_id && `request ${more.request_id}`, line.again && `#${line.again} sent again`, line.note];
  place.replaceChildren(...[back,
    h('div.head', {}, h('h2', {}, line.hook || `${line.method} ${line.path}`), h('span.facts', {}, [line.event, line.annotation && `annotation ${line.annotation}`].filter(Boolean).join(' · ')), doing),
    h('p.facts', {}, facts.filter(Boolean).join(' · ')),
    h(line.verdict.verified ? 'p.verdict' : 'p.verdict.bad', { id: 'verdict' }, line.verdict.verified ? '✓ From Rossum: ' : '✗ Turned away: ', line.verdict.text, line.verdict.hint && h('small', {}, line.verdict.hint)),
    line.problem && h('p.verdict.bad', {}, `✗ ${line.problem}`),
    times(line, more),
    h('div', { role: 'tablist', 'aria-label': 'Parts of the delivery', onkeydown: tabKeys }, TABS.map((name, at) =>
      h('button', { role: 'tab', type: 'button', id: `tab${at}`, 'aria-controls': 'panel', 'aria-selected': String(at === state.tab), tabindex: at === state.tab ? 0 : -1, onclick: () => show(at) },
        name, at === 1 && more.steps.length ? ` (${more.steps.length})` : ''))),
    h('div', { role: 'tabpanel', id: 'panel', 'aria-labelledby': `tab${state.tab}` })].filter(Boolean));
  panel();
}
function show(at) {
  state.tab = at;
  document.querySelectorAll('[role=tab]').forEach((tab, i) => { tab.setAttribute('aria-selected', String(i === at)); tab.tabIndex = i === at ? 0 : -1; });
  $('panel')?.setAttribute('aria-labelledby', `tab${at}`);
  if (state.detail) panel();
}
function tabKeys(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault(); event.stopPropagation();
  show((state.tab + by + TABS.length) % TABS.length);
  $(`tab${state.tab}`).focus();
}
function panel() { $('panel').replaceChildren(...[documentTab, stepsTab, requestTab, answerTab][state.tab](state.detail).filter(Boolean)); }

function times(line, more) {
  const ran = more.steps.filter(step => step.took > 0);
  const parts = [['received and verified', more.read, 0], more.waited > 50 && ['waited for a place', more.waited, 1],
    ...ran.map((step, at) => [step.name, step.took, 2 + at % 5]), line.verdict.verified && ['answer written', more.wrote, 1], more.explained > 0 && ['explained for this page', more.explained, 1]].filter(Boolean);
  const sum = parts.reduce((sum, [, took]) => sum + took, 0);
  if (line.took - sum > 20) parts.push(['other', line.took - sum, 1]);
  const all = Math.max(1, parts.reduce((sum, [, took]) => sum + took, 0));
  const widths = parts.map(([name, took, colour]) => { const i = h(`i.c${colour}`, { title: `${name}: ${span(took)}` }); i.style.flexGrow = took / all; return i; });
  return h('div.times', { id: 'times' }, h('div.bar', { role: 'img', 'aria-label': `took ${span(line.took)}` }, widths),
    h('div.legend', {}, parts.map(([name, took, colour]) => h('span', {}, h(`b.c${colour}`), `${name} ${span(took)}`))));
}

const tell = (type, content, where) => h(`span.tell.tell-${type}`, {}, h('b', {}, { blocker: 'Automation blocked', error: 'Error', warning: 'Warning', info: 'Info' }[type] || type), where && h('code', {}, `${where} `), plain(content));

/** What the schema calls a field: the delivery's own schema, or the one of the steps. */
function labelsOf({ payload, more }) {
  const labels = new Map(Object.entries(more.labels || {}));
  const walk = node => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (!node || typeof node !== 'object') return;
    if (node.category && node.id && node.label) labels.set(node.id, node.label);
    walk(node.content); walk(node.children);
  };
  walk(payload?.schemas);
  return labels;
}
function documentTab(detail) {
  const { payload, answer, line } = detail;
  const labels = labelsOf(detail);
  const name = id => labels.get(id) || id;
  const messages = new Map(); const operations = new Map(); const additions = new Map();
  const push = (map, key, value) => map.has(key) ? map.get(key).push(value) : map.set(key, [value]);
  for (const m of answer?.messages || []) push(messages, m.id == null ? '' : String(m.id), tell(m.type || 'error', m.content));
  for (const b of answer?.automation_blockers || []) push(messages, b.id == null ? '' : String(b.id), tell('blocker', b.content));
  for (const o of answer?.operations || []) o.op === 'add' ? push(additions, String(o.id), o.value) : operations.set(String(o.id), o);
  const said = id => messages.get(String(id)) || [];
  const value = node => {
    const before = node.content?.value ?? '';
    const change = operations.get(String(node.id))?.value;
    const after = change?.content?.value;
    const extra = [change?.hidden === true && ' hidden', change?.hidden === false && ' shown', change?.options && ` ${count(change.options.length, 'option')}`].filter(Boolean);
    const chosen = change?.options?.find(option => String(option.value) === String(after));
    const shown = text => chosen && String(text) === String(after) && chosen.label && chosen.label !== String(text) ? `${chosen.label} (${text})` : String(text);
    return [after !== undefined && String(after) !== String(before) ? [before !== '' && h('del', {}, String(before)), before !== '' && ' ', h('ins', {}, after === '' ? 'empty' : shown(after))] : String(before),
      extra.length ? h('small.facts', {}, extra.join(',')) : null];
  };
  const heading = id => [name(id), name(id) !== id && h('small', {}, id)];
  const field = node => {
    const texts = said(node.id);
    const loud = texts.length && texts.some(text => text.className.includes('error')) ? '.has-error' : '';
    return h(`tr${loud}`, { 'data-field': node.schema_id }, h('th', { scope: 'row' }, heading(node.schema_id)), h('td', {}, value(node), texts));
  };
  const cellsOf = row => row.category === 'tuple' || row.children ? row.children || [] : [row];
  const table = node => {
    const rows = node.children || [];
    const added = additions.get(String(node.id)) || [];
    const asRow = cells => ({ children: (Array.isArray(cells) ? cells : [cells]).map(cell => ({ ...cell, schema_id: cell.schema_id || '' })) });
    const columns = [...new Set([...rows, ...added.map(asRow)].flatMap(cellsOf).map(cell => cell.schema_id))];
    const line = (row, at, what) => {
      const cells = new Map(cellsOf(row).map(cell => [cell.schema_id, cell]));
      const texts = [...said(row.id), ...cellsOf(row).flatMap(cell => cell === row ? [] : said(cell.id).map(text => h('div', {}, h('small.facts', {}, name(cell.schema_id)), text)))];
      const gone = operations.get(String(row.id))?.op === 'remove' ? '.gone' : '';
      return [h(`tr${what}${gone}`, {}, h('td', {}, String(at + 1)), columns.map(id => h('td', {}, cells.has(id) ? value(cells.get(id)) : ''))),
        texts.length ? h('tr', {}, h('td.about', { colspan: columns.length + 1 }, texts)) : null];
    };
    return h('div.card', {}, h('h3', {}, name(node.schema_id), h('span', {}, count(rows.length, 'row'), added.length ? `, ${added.length} added` : ''), ...said(node.id)),
      columns.length ? h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': name(node.schema_id) }, h('table.items', {}, h('thead', {}, h('tr', {}, h('th', {}, ''), columns.map(id => h('th', { scope: 'col' }, heading(id))))),
        h('tbody', {}, rows.slice(0, 200).map((row, at) => line(row, at, '')), added.slice(0, 200).map((cells, at) => line(asRow(cells), rows.length + at, '.new'))))) : null,
      rows.length > 200 && h('p.pad.facts', {}, `${rows.length - 200} rows more: see Request`));
  };
  const section = node => {
    const fields = []; const tables = [];
    for (const child of node.children || []) (child.category === 'multivalue' ? tables : fields).push(child);
    return [(fields.length || !tables.length) && h('div.card', {}, h('h3', {}, name(node.schema_id)), h('table.fields', {}, h('tbody', {}, fields.map(field)))), ...tables.map(table)];
  };
  const whole = said('');
  const content = payload?.annotation?.content;
  const nodes = Array.isArray(content) ? content : [];
  const loose = nodes.filter(node => node.category !== 'section');
  return [whole.length && h('div', { id: 'whole' }, whole),
    ...nodes.filter(node => node.category === 'section').flatMap(section),
    loose.length && section({ schema_id: 'content', children: loose }),
    !nodes.length && h('p.empty', {}, payload ? 'This event carries no annotation data.' : line.verdict.verified ? 'It could not be read.' : 'Its body is not kept: nobody verified it.')].flat();
}

function stepsTab({ more }) {
  const came = place => place.came;
  const worst = reason => reason.places.some(p => came(p) === 'failed') ? 'failed' : reason.places.some(p => came(p) === 'acted') ? 'acted' : 'quiet';
  const place = (p, alone) => h('div.place', {}, h('span.where', {}, p.row != null ? `row ${p.row + 1}: ` : '', alone ? null : h(`span.came.${p.came}`, {}, p.says)),
    p.saw.length ? h('dl', {}, p.saw.map(saw => [h('dt', {}, saw.name), h('dd', {}, saw.value)])) : null);
  const reason = r => {
    const how = worst(r);
    const says = r.places.find(p => came(p) === how)?.says || (r.places.length ? '' : 'no row to look at');
    return h('details.reason', { open: how !== 'quiet' },
      h('summary', {}, h('b', {}, r.what), h(`span.came.${how}`, {}, says, r.places.length > 1 ? ` in ${count(r.places.filter(p => came(p) === how).length, 'row')} of ${r.places.length + (r.more || 0)}` : '')),
      r.source && h('pre.source', {}, r.source), r.places.map(p => place(p, r.places.length === 1)), r.more ? h('p.place.facts', {}, `${count(r.more, 'row')} more`) : null);
  };
  const where = x => x.schema_id ? `${x.schema_id}${x.row != null ? `[${x.row + 1}]` : ''}` : '';
  const change = c => h('tr', {}, h('td', {}, h('code', {}, where(c))), h('td', {}, c.what === 'value' ? [c.before !== '' && h('del', {}, c.before), ' ', h('ins', {}, c.after === '' ? 'empty' : c.after)] : [c.what, c.after ? `: ${c.after}` : '']));
  const step = s => h('section.card.step', {}, h('h3', {}, s.name, h(`span.came.${s.came === 'done' ? 'done' : s.took ? 'failed' : 'quiet'}`, {}, s.came), h('span', {}, s.took ? span(s.took) : '')),
    s.cause && h('p.pad', {}, tell('error', s.cause)),
    s.messages.length ? h('div.pad', {}, s.messages.map(m => tell(m.type, m.content, where(m)))) : null,
    s.changes.length ? h('div.scroll', {}, h('table.changes', {}, h('tbody', {}, s.changes.map(change)))) : null,
    s.reasons.map(reason),
    s.came === 'done' && !s.messages.length && !s.changes.length && !s.reasons.length && h('p.pad.facts', {}, 'Nothing to do.'));
  return more.steps.length ? more.steps.map(step) : [h('p.empty', {}, 'No step ran.')];
}
const raw = (title, value, id) => h('div.card', {}, h('h3', {}, title), h('pre.raw', { id, tabindex: 0 }, JSON.stringify(value, null, 2)));
const requestTab = ({ payload, line }) => payload ? [raw(`${line.method} ${line.path}${state.mode === 'masked' ? ' (masked)' : ' (tokens and secrets removed)'}`, payload, 'raw-request')] : [h('p.empty', {}, 'Its body is not kept.')];
const answerTab = ({ answer, line }) => answer ? [raw(`${line.status}${state.mode === 'masked' ? ' (masked)' : ''}`, answer, 'raw-answer')] : [h('p.empty', {}, 'Nothing was answered.')];

// What can be done.
async function act(what) {
  const response = await fetch(`/inspector/deliveries/${state.chosen}/${what}`, { method: 'POST', headers: { 'x-annex-admin': 'inspector' } }).catch(() => null);
  const answer = response && await response.json().catch(() => ({}));
  if (response?.ok) return answer;
  note(answer?.problem || 'The server does not answer.');
  return null;
}
async function again() {
  const sent = state.mode === 'developing' && state.chosen && await act('send');
  if (!sent) return;
  state.follow = true;
  note('Sent again.');
}
async function save() {
  const saved = state.mode === 'developing' && state.chosen && await act('save');
  if (saved) note(`Saved as ${saved.file}. Run it: annex test`);
}
let noted;
function note(text) {
  $('note').textContent = text; $('note').hidden = false;
  clearTimeout(noted);
  noted = setTimeout(() => { $('note').hidden = true; }, 6000);
}
function leave() { document.body.classList.remove('reading'); $('list').focus(); }

// The last hours, and the certificates.
const SPAN = 300, BARS = 144;
function tally(line) {
  const from = Math.floor(line.received / 1000 / SPAN) * SPAN;
  let bar = state.counts.at(-1);
  if (!bar || bar.from < from) state.counts.push(bar = { from, ok: 0, refused: 0, failed: 0 });
  bar[kind(line)] += 1;
  state.now = Math.max(state.now, Math.floor(line.received / 1000));
  while (state.counts.length > BARS) state.counts.shift();
}
function draw() {
  const first = Math.floor(state.now / SPAN) * SPAN - (BARS - 1) * SPAN;
  const bars = state.counts.filter(bar => bar.from >= first);
  const most = Math.max(1, ...bars.map(bar => bar.ok + bar.refused + bar.failed));
  const sum = key => bars.reduce((sum, bar) => sum + bar[key], 0);
  const picture = svg('svg', { viewBox: `0 0 ${BARS} 26`, preserveAspectRatio: 'none', role: 'img' });
  picture.append(svg('line', { class: 'base', x1: 0, x2: BARS, y1: 25.5, y2: 25.5 }));
  for (const bar of bars) {
    let y = 25;
    for (const key of ['ok', 'refused', 'failed']) {
      const height = bar[key] / most * 24;
      if (height) { y -= height; picture.append(svg('rect', { class: key, x: (bar.from - first) / SPAN, y, width: 1, height })); }
    }
  }
  const text = `${sum('ok') + sum('refused') + sum('failed')} in 12 h${sum('refused') ? `, ${sum('refused')} refused` : ''}${sum('failed') ? `, ${sum('failed')} failed` : ''}`;
  picture.setAttribute('aria-label', `Deliveries by five minutes: ${text}`);
  $('chart').replaceChildren(picture, h('span', {}, text));
}
async function certificates() {
  const status = await fetch('/status').then(response => response.json()).catch(() => null);
  const day = 86_400_000;
  const one = c => {
    const [from, to] = [Date.parse(c.not_before), Date.parse(c.not_after)];
    const left = Math.floor((to - Date.now()) / day);
    const bar = h('i'); bar.style.width = `${Math.max(0, Math.min(100, (to - Date.now()) / (to - from) * 100))}%`;
    return h('div', { title: c.last_error || '' }, h('b', {}, c.names[0] || c.domains[0] || c.name), c.not_after ? ` ${left > 1000 ? 'more than 1000' : left} days left${c.renewal ? `, renewed ${new Date(c.renewal).toLocaleDateString()}` : ''}` : ' no certificate yet',
      h(`div.life${c.last_error || left < 10 ? '.late' : ''}`, {}, bar));
  };
  $('certificates').replaceChildren(...(status?.certificates || []).map(one));
}
function mistakes(text) {
  $('mistakes').hidden = !text;
  $('mistakes').replaceChildren(...text ? [h('b', {}, 'The new configuration is refused; the one before stays.'), h('pre', {}, text)] : []);
}

// Everything anew, at start and whenever the connection comes back.
async function load() {
  const response = await fetch('/inspector/deliveries').catch(() => null);
  if (!response?.ok) return;
  const all = await response.json();
  Object.assign(state, { mode: all.mode, most: Math.min(all.most, 500), counts: all.counts, now: all.now, lines: [], items: new Map(), pending: [] });
  $('mode').textContent = all.mode === 'masked' ? 'production, masked' : 'developing';
  $('mode').classList.toggle('masked', all.mode === 'masked');
  document.querySelectorAll('.doing').forEach(element => { element.hidden = all.mode === 'masked'; });
  $('list').replaceChildren();
  add(all.deliveries.reverse(), false);
  mistakes(all.mistakes);
  draw();
  if (all.mode === 'masked') certificates();
  const again = state.items.has(state.chosen) ? state.chosen : state.lines[0]?.number;
  state.chosen = null;
  if (again) choose(again, false);
}
const events = new EventSource('/inspector/events');
events.onopen = () => { $('live').textContent = 'live'; $('live').classList.add('on'); load(); };
events.onerror = () => { $('live').textContent = 'waiting for the server'; $('live').classList.remove('on'); };
events.addEventListener('delivery', event => came(JSON.parse(event.data)));
events.addEventListener('behind', () => load());
events.addEventListener('reload', event => {
  const text = JSON.parse(event.data).mistakes;
  mistakes(text);
  if (!text) note('Configuration reloaded.');
});
setInterval(() => { if (state.mode === 'masked') certificates(); }, 60_000);

$('filter').addEventListener('input', () => { for (const element of state.items.values()) element.hidden = !fits(element); });
$('help-open').addEventListener('click', () => $('help').showModal());
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
  if (event.target === $('filter')) {
    if (event.key === 'Escape') { $('filter').value = ''; $('filter').dispatchEvent(new Event('input')); $('list').focus(); }
    if (event.key === 'ArrowDown' || event.key === 'Enter') { $('list').focus(); move(0); }
    return;
  }
  const keys = {
    j: () => move(1), k: () => move(-1), r: again, s: save, '?': () => $('help').showModal(),
    f: () => { state.follow = true; if (state.lines[0]) choose(state.lines[0].number, false); },
    '/': () => $('filter').focus(), Escape: leave, 1: () => show(0), 2: () => show(1), 3: () => show(2), 4: () => show(3),
  };
  if (event.target === $('list') || event.target === document.body) Object.assign(keys, { ArrowDown: () => move(1), ArrowUp: () => move(-1), Home: () => move(-1e9), End: () => move(1e9), Enter: () => choose(state.chosen, true) });
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
