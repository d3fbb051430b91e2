// The last hours, and the certificates.
const SPAN = 300, BARS = 144;
function tally(line) {
  const from = Math.floor(line.received / 1000 / SPAN) * SPAN;
  let bar = state.counts.at(-1);
  if (!bar || bar.from < from) state.counts.push(bar = { from, ok: 0, errors: 0, refused: 0, failed: 0 });
  bar[kind(line)] += 1;
  state.now = Math.max(state.now, Math.floor(line.received / 1000));
  while (state.counts.length > BARS) state.counts.shift();
}
function draw() {
  const first = Math.floor(state.now / SPAN) * SPAN - (BARS - 1) * SPAN;
  const bars = state.counts.filter(bar => bar.from >= first);
  const most = Math.max(1, ...bars.map(bar => bar.ok + bar.errors + bar.refused + bar.failed));
  const sum = key => bars.reduce((sum, bar) => sum + bar[key], 0);
  const picture = svg('svg', { viewBox: `0 0 ${BARS} 26`, preserveAspectRatio: 'none', role: 'img' });
  picture.append(svg('line', { class: 'base', x1: 0, x2: BARS, y1: 25.5, y2: 25.5 }));
  for (const bar of bars) {
    let y = 25;
    for (const key of ['ok', 'errors', 'refused', 'failed']) {
      const height = bar[key] / most * 24;
      if (height) { y -= height; picture.append(svg('rect', { class: key, x: (bar.from - first) / SPAN, y, width: 1, height })); }
    }
  }
  const text = `${sum('ok') + sum('errors') + sum('refused') + sum('failed')} in 12 h${sum('refused') ? `, ${sum('refused')} refused` : ''}${sum('failed') ? `, ${sum('failed')} failed` : ''}${sum('errors') ? `, ${sum('errors')} with errors` : ''}`;
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
