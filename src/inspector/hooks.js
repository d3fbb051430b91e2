// The hooks: where Rossum calls each, and a sample to try it with.
async function loadHooks() {
  const all = await fetch('/inspector/hooks').then(response => response.json()).catch(() => null);
  state.hooks = all?.hooks || []; state.isTunnelled = Boolean(all?.is_tunnelled);
}
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    note(`${what} copied.`);
  } catch {
    note('The browser does not let this page copy. Select the text and copy it by hand.');
  }
}
async function sendSample(hook, button) {
  if (hook.reaches_out && !confirm(`A step of ${hook.name} calls other systems at this event. They get the sample too. Send it?`)) return;
  button.disabled = true;
  state.follow = true; state.isWanted = true;
  const response = await fetch(`/inspector/hooks/${encodeURIComponent(hook.name)}/sample`, { method: 'POST', headers: { 'x-annex-admin': 'inspector' } }).catch(() => null);
  const answer = response && await response.json().catch(() => ({}));
  button.disabled = false;
  if (response?.ok) return;
  state.isWanted = false;
  note(answer?.problem || 'The server does not answer.');
}
function openHooks() {
  if (location.hash === '#hooks') return;
  if (location.hash) history.replaceState(history.state, '', '#hooks'); else history.pushState({ isInside: true }, '', '#hooks');
  showHooks();
}
function showHooks() {
  unchoose();
  state.follow = true;
  document.body.classList.toggle('reading', location.hash === '#hooks');
  const isDeveloping = state.mode === 'developing';
  const one = ({ hook, url }) => {
    const button = h('button.main', { type: 'button', 'data-sample': hook.name, onclick: () => sendSample(hook, button) }, 'Send a sample');
    const sample = hook.has_schema ? `The sample is ${hook.event}, with the fields of its schema.` : `The sample is ${hook.event}, with a built-in invoice. Give the hook a schema, and it has your fields.`;
    return h('div.card', { 'data-hook': hook.name }, h('h3', {}, hook.name, h('span', {}, hook.path)),
      h('div.pad.url', {}, h('code', {}, url || hook.path), h('button', { type: 'button', onclick: () => copy(url || hook.path, 'URL') }, 'Copy URL'), isDeveloping && button),
      isDeveloping && h('p.pad.facts', {}, sample, hook.reaches_out && ' A step calls other systems: they get the sample too.'));
  };
  const whole = state.lines.length ? 'Hooks' : 'No delivery yet';
  const how = isDeveloping
    ? `Send a sample: it is signed and comes through the same door as Rossum’s calls. ${state.isTunnelled ? 'Rossum calls these URLs, through the tunnel.' : 'Rossum reaches this machine through a tunnel: start annex --dev-http --tunnel.'}`
    : 'Rossum calls these URLs. A delivery appears here as soon as it is answered.';
  $('detail').replaceChildren(...[state.lines.length > 0 && h('button', { id: 'back', type: 'button', onclick: leave }, '‹ Deliveries'),
    h('div', { id: 'hooks' }, h('div.head', {}, h('h2', {}, whole)), h('p.facts.lead', {}, how), state.hooks.length ? state.hooks.map(one) : h('p.empty', {}, 'The configuration has no hook.'))].filter(Boolean));
}
