// The document and the steps of a delivery.
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

/** Objects only: a body of any shape can be signed. */
const nodesOf = list => (Array.isArray(list) ? list : []).filter(node => node && typeof node === 'object');

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
  const cellsOf = row => row.category === 'tuple' || row.children ? nodesOf(row.children) : [row];
  const table = node => {
    const rows = nodesOf(node.children);
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
    for (const child of nodesOf(node.children)) (child.category === 'multivalue' ? tables : fields).push(child);
    return [(fields.length || !tables.length) && h('div.card', {}, h('h3', {}, name(node.schema_id)), h('table.fields', {}, h('tbody', {}, fields.map(field)))), ...tables.map(table)];
  };
  const whole = said('');
  const content = payload?.annotation?.content;
  const nodes = nodesOf(content);
  const loose = nodes.filter(node => node.category !== 'section');
  return [whole.length && h('div', { id: 'whole' }, whole),
    ...nodes.filter(node => node.category === 'section').flatMap(section),
    loose.length && section({ schema_id: 'content', children: loose }),
    !nodes.length && h('p.empty', {}, payload ? 'This event carries no annotation data.' : line.verdict.verified ? 'It could not be read.' : 'Its body is not kept: nobody verified it.')].flat();
}

/** A step that did not get to its end. */
const hasFailed = step => step.came === 'failed' || step.came === 'out of time';
function stepsTab({ more }) {
  const came = place => place.came;
  const worst = reason => reason.places.some(p => came(p) === 'failed') ? 'failed' : reason.places.some(p => came(p) === 'acted') ? 'acted' : 'quiet';
  const place = (p, alone) => h('div.place', {}, h('span.where', {}, p.row != null ? `row ${p.row + 1}${alone ? '' : ': '}` : '', alone ? null : h(`span.came.${p.came}`, {}, p.says)),
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
  const look = s => hasFailed(s) ? 'failed' : s.came !== 'done' ? 'quiet' : s.messages.some(m => m.type === 'error') || s.reasons.some(r => worst(r) === 'failed') ? 'acted' : 'done';
  const step = s => h(`section.card.step.is-${look(s)}`, { 'data-step': s.name }, h('h3', {}, s.name, h(`span.came.${look(s)}`, {}, look(s) === 'acted' ? 'done, with errors' : s.came), h('span', {}, s.took ? span(s.took) : '')),
    s.cause && h('p.pad', {}, tell('error', s.cause)),
    s.messages.length ? h('div.pad', {}, s.messages.map(m => tell(m.type, m.content, where(m)))) : null,
    s.changes.length ? h('div.scroll', {}, h('table.changes', {}, h('tbody', {}, s.changes.map(change)))) : null,
    s.reasons.map(reason),
    s.came === 'done' && !s.messages.length && !s.changes.length && !s.reasons.length && h('p.pad.facts', {}, 'Nothing to do.'));
  return more.steps.length ? more.steps.map(step) : [h('p.empty', {}, 'No step ran.')];
}
