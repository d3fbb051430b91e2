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
/** One clock everywhere: this browser's, of 24 hours; UTC, as the log has it, is in the title. */
const two = n => String(n).padStart(2, '0');
const clock = ms => { const at = new Date(ms); return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':'); };
const moment = ms => { const at = new Date(ms); return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)}`; };
const utc = ms => `${new Date(ms).toISOString().slice(0, 19)}Z`;
const count = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

const state = { mode: '', most: 500, lines: [], items: new Map(), chosen: null, detail: null, tab: 0, follow: true, counts: [], now: 0, pending: [], chip: '', hooks: [], isWanted: false, isRaw: false };
const kind = line => line.status >= 500 ? 'failed' : line.status >= 400 ? 'refused' : line.failures ? 'failed' : line.errors ? 'errors' : 'ok';
const KINDS = { failed: 'Failed', refused: 'Refused', errors: 'Errors shown', ok: 'Clean' };

// The list.
function item(line) {
  const what = [line.event || `${line.method} ${line.path}`, line.annotation && `#${line.annotation}`].filter(Boolean).join(' · ');
  const came = line.verdict.verified && !line.problem ? `${line.failures ? `${count(line.failures, 'step')} failed, ` : ''}${count(line.messages, 'message')}, ${count(line.operations, 'change')}` : line.problem || line.verdict.text;
  const element = h('li', { role: 'option', id: `d${line.number}`, 'aria-selected': 'false', onclick: () => choose(line.number, true) },
    h('span.who', {}, h(`span.mark.${kind(line)}`, { role: 'img', title: KINDS[kind(line)], 'aria-label': KINDS[kind(line)] }), line.hook || 'no hook', line.again && ` (#${line.again} again)`),
    h('span.when', { title: `${moment(line.received)} (${utc(line.received)})` }, clock(line.received)),
    h('span.what', { title: what }, what), h('span.took', {}, span(line.took)),
    h('span.what', { title: came }, came), h('span.took', {}, String(line.status)));
  element.kind = kind(line);
  element.words = `${line.hook} ${what} ${came} ${line.status} ${line.note || ''}`.toLowerCase();
  return element;
}
function fits(element) {
  const words = $('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  return (!state.chip || element.kind === state.chip) && words.every(word => element.words.includes(word));
}
/** The kinds that there are, to choose one. */
function chips() {
  const sums = {};
  for (const line of state.lines) sums[kind(line)] = (sums[kind(line)] || 0) + 1;
  if (state.chip && !sums[state.chip]) state.chip = '';
  const chip = (name, text, sum) => h(`button.chip.${name || 'all'}`, { type: 'button', 'aria-pressed': String(state.chip === name), 'data-kind': name, onclick: () => { state.chip = state.chip === name ? '' : name; sift(); } }, name && h(`span.mark.${name}`), `${text} ${sum}`);
  const there = Object.entries(KINDS).filter(([name]) => sums[name]);
  $('chips').replaceChildren(...there.length > 1 ? [chip('', 'All', state.lines.length), ...there.map(([name, text]) => chip(name, text, sums[name]))] : []);
}
function sift() {
  chips();
  for (const element of state.items.values()) element.hidden = !fits(element);
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
  document.body.classList.toggle('none', !state.lines.length);
  sift();
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
    if (state.follow && state.lines.length) choose(state.lines[0].number, state.isWanted);
    state.isWanted = false;
  }, 100);
}
function choose(number, byHand) {
  if (byHand) { state.follow = number === state.lines[0]?.number; document.body.classList.add('reading'); }
  if (state.chosen === number) return address(byHand);
  state.items.get(state.chosen)?.setAttribute('aria-selected', 'false');
  state.chosen = number;
  const element = state.items.get(number);
  element?.setAttribute('aria-selected', 'true');
  $('list').setAttribute('aria-activedescendant', `d${number}`);
  if (byHand) element?.scrollIntoView({ block: 'nearest' });
  address(byHand);
  fetchDetail();
}
// Links to a delivery and its part; Back leads from there to the list. The time is in it as well: another run of the server
// begins with number 1 again.
const key = line => line.received.toString(36);
function address(isNew) {
  const line = state.lines.find(line => line.number === state.chosen);
  if (!line || !(isNew || location.hash)) return;
  const hash = `#${line.number}.${key(line)}${state.tab ? `/${TABS[state.tab].toLowerCase()}` : ''}`;
  if (hash === location.hash) return;
  if (location.hash) history.replaceState(history.state, '', hash); else history.pushState({ isInside: true }, '', hash);
}
/** Follows the link that the page was opened with or led back to; gives whether there is one. */
function route() {
  if (location.hash === '#hooks') { showHooks(); return true; }
  const [, number, time, part] = location.hash.match(/^#(\d+)\.(\w+)(?:\/(\w+))?$/) || [];
  document.body.classList.toggle('reading', Boolean(number));
  if (!number) return false;
  state.tab = Math.max(0, TABS.findIndex(name => name.toLowerCase() === part));
  state.follow = false;
  const line = state.lines.find(line => line.number === Number(number));
  if (line && key(line) === time) { state.chosen = null; choose(line.number, false); return true; }
  unchoose();
  render(line ? 'This link is of an earlier run of the server: its deliveries are not kept.' : 'It is not kept any more.');
  return true;
}
function unchoose() {
  state.items.get(state.chosen)?.setAttribute('aria-selected', 'false');
  state.chosen = null; state.detail = null;
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
    if (number == null) break;
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
  const facts = [h('time', { datetime: utc(line.received), title: utc(line.received) }, moment(line.received)), `${line.status} in ${span(line.took)}`, `from ${more.from}`,
    more.request_id && `request ${more.request_id}`, line.again && `#${line.again} sent again`, line.note];
  place.replaceChildren(...[back,
    h('div.head', {}, h('h2', {}, line.hook || `${line.method} ${line.path}`), h('span.facts', {}, [line.event, line.annotation && `annotation ${line.annotation}`].filter(Boolean).join(' · ')), doing),
    h('p.facts', {}, facts.filter(Boolean).flatMap((fact, at) => at ? [' · ', fact] : [fact])),
    h(line.verdict.verified ? 'p.verdict' : 'p.verdict.bad', { id: 'verdict' }, line.verdict.verified ? '✓ From Rossum: ' : '✗ Turned away: ', line.verdict.text, line.verdict.hint && h('small', {}, line.verdict.hint)),
    line.problem && h('p.verdict.bad', {}, `✗ ${line.problem}`),
    line.failures > 0 && h('p.verdict.bad', { id: 'failures' }, `✗ ${count(line.failures, 'step')} failed: ${more.steps.filter(hasFailed).map(step => step.name).join(', ')}`),
    !line.problem && line.errors > 0 && h('p.verdict.shown', { id: 'errors' }, `! The user sees ${count(line.errors, 'error')}.`),
    line.again && h('div', { id: 'changed' }),
    times(line, more),
    h('div', { role: 'tablist', 'aria-label': 'Parts of the delivery', onkeydown: tabKeys }, TABS.map((name, at) =>
      h('button', { role: 'tab', type: 'button', id: `tab${at}`, 'aria-controls': 'panel', 'aria-selected': String(at === state.tab), tabindex: at === state.tab ? 0 : -1, onclick: () => show(at) },
        name, at === 1 && more.steps.length ? ` (${more.steps.length})` : ''))),
    h('div', { role: 'tabpanel', id: 'panel', 'aria-labelledby': `tab${state.tab}` })].filter(Boolean));
  panel();
  if (line.again) compare(state.detail);
}
function show(at) {
  state.tab = at;
  document.querySelectorAll('[role=tab]').forEach((tab, i) => { tab.setAttribute('aria-selected', String(i === at)); tab.tabIndex = i === at ? 0 : -1; });
  $('panel')?.setAttribute('aria-labelledby', `tab${at}`);
  address(false);
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
function leave() {
  document.body.classList.remove('reading');
  if (history.state?.isInside) return history.back();
  if (location.hash) history.replaceState(null, '', location.pathname);
  arrive();
}
/** Back in the list, or at what comes. */
function arrive() {
  if (route()) return;
  $('list').focus();
  if (!state.lines.length) return showHooks();
  if (!state.detail && matchMedia('(min-width: 761px)').matches) choose(state.lines[0].number, false);
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
  await loadHooks();
  const again = state.items.has(state.chosen) ? state.chosen : state.lines[0]?.number;
  state.chosen = null;
  if (route()) return;
  if (again) choose(again, false); else showHooks();
}
const events = new EventSource('/inspector/events');
events.onopen = () => { $('live').textContent = 'live'; $('live').classList.add('on'); load(); };
events.onerror = () => { $('live').textContent = 'waiting for the server'; $('live').classList.remove('on'); };
events.addEventListener('delivery', event => came(JSON.parse(event.data)));
events.addEventListener('behind', () => load());
events.addEventListener('reload', event => {
  const text = JSON.parse(event.data).mistakes;
  mistakes(text);
  if (text) return;
  note('Configuration reloaded.');
  loadHooks().then(() => { if ($('hooks')) showHooks(); });
});
setInterval(() => { if (state.mode === 'masked') certificates(); }, 60_000);

addEventListener('popstate', arrive);
$('filter').addEventListener('input', sift);
$('hooks-open').addEventListener('click', openHooks);
$('help-open').addEventListener('click', () => $('help').showModal());
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
  if (event.target === $('filter')) {
    if (event.key === 'Escape') { $('filter').value = ''; $('filter').dispatchEvent(new Event('input')); $('list').focus(); }
    if (event.key === 'ArrowDown' || event.key === 'Enter') { $('list').focus(); move(0); }
    return;
  }
  const keys = {
    j: () => move(1), k: () => move(-1), r: again, s: save, '?': () => $('help').showModal(), h: openHooks,
    f: () => { state.follow = true; if (state.lines[0]) choose(state.lines[0].number, false); },
    '/': () => $('filter').focus(), Escape: leave, 1: () => show(0), 2: () => show(1), 3: () => show(2), 4: () => show(3),
  };
  if (event.target === $('list') || event.target === document.body) Object.assign(keys, { ArrowDown: () => move(1), ArrowUp: () => move(-1), Home: () => move(-1e9), End: () => move(1e9), Enter: () => choose(state.chosen, true) });
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
