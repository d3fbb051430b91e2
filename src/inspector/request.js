// The request as it came, the answer, commands to copy, and what a repeat did differently.
const card = (title, extra, ...body) => h('div.card', {}, h('h3', {}, title, extra), ...body);
const raw = (title, value, id) => card(title, null, h('pre.raw', { id, tabindex: 0 }, JSON.stringify(value, null, 2)));

/** JSON with line breaks between its tokens; each token stays as it is. */
function indented(text) {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) || [];
  let depth = 0;
  const parts = [];
  tokens.forEach((token, at) => {
    const line = () => `\n${'  '.repeat(depth)}`;
    if (token === '{' || token === '[') {
      depth += 1;
      parts.push(token, tokens[at + 1] === '}' || tokens[at + 1] === ']' ? '' : line());
    } else if (token === '}' || token === ']') {
      depth = Math.max(0, depth - 1);
      parts.push(tokens[at - 1] === '{' || tokens[at - 1] === '[' ? '' : line(), token);
    } else if (token === ',') parts.push(token, line());
    else parts.push(token === ':' ? ': ' : token);
  });
  return parts.join('');
}

function requestTab(detail) {
  const { payload, line, more } = detail;
  const isMasked = state.mode === 'masked';
  const headers = more.headers.length
    ? h('div.scroll', {}, h('table.fields.headers', {}, h('tbody', {}, more.headers.map(([name, value]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value))))))
    : h('p.pad.facts', {}, line.again ? 'It was sent again from here: it has no headers of its own.' : 'None.');
  const head = card('Headers', h('span', {}, isMasked ? 'values of others are masked' : ''), headers);
  const title = `${line.method} ${line.path}`;
  if (isMasked) {
    return [head, payload && raw(`${title} (masked)`, payload, 'raw-request'),
      h('p.facts', {}, 'Left out in production: values and texts of the document, the signature, tokens, the body as it came, and copies of it.')];
  }
  if (!payload) return [head, h('p.empty', {}, line.verdict.verified ? 'Its body is no JSON object. What is secret in it cannot be found, so it is not shown.' : 'Its body is not kept: nobody verified it.')];
  const pre = h('pre.raw', { id: 'raw-request', tabindex: 0 }, '…');
  const way = (isRaw, text) => h('button.chip', { type: 'button', 'aria-pressed': String(state.isRaw === isRaw), onclick: () => { state.isRaw = isRaw; panel(); } }, text);
  fetchText(`/inspector/deliveries/${line.number}/body`).then(text => { pre.textContent = text === null ? 'It is not kept any more.' : state.isRaw ? text : indented(text); });
  return [head, card('Send it from a terminal', null, h('p.pad.facts', {}, 'The keys rossum_authorization_token and secrets are removed, so a step that needs them fails. annex send signs by a reference to the secret; curl has a signature for this body only.'),
    h('p.pad', {}, h('button', { type: 'button', id: 'copy-send', onclick: () => copyCommand('send', 'annex send') }, 'Copy as annex send'), ' ',
      h('button', { type: 'button', id: 'copy-curl', onclick: () => copyCommand('curl', 'curl') }, 'Copy as curl'))),
  card(title, h('span.ways', {}, way(false, 'Indented'), way(true, 'As it came')), pre)];
}
const fetchText = path => fetch(path).then(response => response.ok ? response.text() : null).catch(() => null);
async function copyCommand(name, what) {
  const response = await fetch(`/inspector/deliveries/${state.chosen}/commands`).catch(() => null);
  const commands = response && await response.json().catch(() => ({}));
  if (!response?.ok) return note(commands?.problem || 'The server does not answer.');
  copy(commands[name], `${what} command`);
}
const answerTab = ({ answer, line }) => answer ? [raw(`${line.status}${state.mode === 'masked' ? ' (masked)' : ''}`, answer, 'raw-answer')] : [h('p.empty', {}, 'Nothing was answered.')];

/** Which field each datapoint is, with its row. */
function placesOf(payload) {
  const places = new Map();
  const walk = (nodes, row) => nodesOf(nodes).forEach((node, at) => {
    places.set(String(node.id), `${node.schema_id}${row == null ? '' : `[${row + 1}]`}`);
    walk(node.children, node.category === 'tuple' ? at : row);
  });
  walk(payload?.annotation?.content, null);
  return places;
}
/** What a delivery came to, a line each. */
function outcome({ line, more, answer, payload }) {
  const places = placesOf(payload);
  const at = one => one.id == null ? '' : ` ${places.get(String(one.id)) || one.id}`;
  return [`status ${line.status}`, ...line.problem ? [line.problem] : [], ...more.steps.map(step => `step ${step.name}: ${step.came}`),
    ...(answer?.messages || []).map(one => `${one.type}${at(one)}: ${plain(one.content)}`),
    ...(answer?.automation_blockers || []).map(one => `automation blocked${at(one)}: ${plain(one.content)}`),
    ...(answer?.operations || []).map(one => `${one.op}${at(one)}: ${one.value?.content?.value ?? JSON.stringify(one.value ?? null)}`)];
}
async function compare(detail) {
  const number = detail.line.again;
  const response = await fetch(`/inspector/deliveries/${number}`).catch(() => null);
  const first = response?.ok ? await response.json().catch(() => null) : null;
  const place = $('changed');
  if (state.detail !== detail || !place) return;
  if (!first) return place.replaceChildren(h('p.facts', {}, `#${number} is not kept any more: there is nothing to compare with.`));
  const [before, after] = [outcome(first), outcome(detail)];
  const without = (all, others) => { const left = [...others]; return all.filter(one => { const found = left.indexOf(one); if (found >= 0) left.splice(found, 1); return found < 0; }); };
  const [gone, fresh] = [without(before, after), without(after, before)];
  const rows = [...gone.map(text => h('li', {}, h('del', {}, `− ${text}`))), ...fresh.map(text => h('li', {}, h('ins', {}, `+ ${text}`)))];
  place.replaceChildren(card(rows.length ? `What is different from #${number}` : `The same outcome as #${number}`, null, rows.length ? h('ul.pad', {}, rows) : null));
}
