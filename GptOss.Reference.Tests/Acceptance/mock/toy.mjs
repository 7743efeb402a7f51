// What the mock says: the toy checkpoint's surest answers by rule, and a value for any simple schema. No model is in here.
const capitals = { france: 'Paris', norway: 'Oslo', italy: 'Rome', spain: 'Madrid', japan: 'Tokyo', turkey: 'Ankara', germany: 'Berlin', portugal: 'Lisbon' };

export const tokens = text => text.match(/\s?[\p{L}\p{N}_]{1,6}|\s|[^\s\p{L}\p{N}_]/gu) ?? [];

export function random(seed) {
  let s = (Number(seed) || 0) >>> 0;
  return () => { s = (s + 0x6d2b79f5) >>> 0; let x = Math.imul(s ^ (s >>> 15), 1 | s); x ^= x + Math.imul(x ^ (x >>> 7), 61 | x); return ((x ^ (x >>> 14)) >>> 0) / 4294967296; };
}

function think(effort, low, medium, high) { return effort === 'low' ? low : effort === 'high' ? high : medium; }

/** The turn after a conversation: segments of kind analysis, final or call. */
export function speak({ turns, tools, choice, effort, schema, seed, temperature, loose }) {
  const rnd = random(seed);
  const last = turns.at(-1);
  const question = turns.filter(m => m.role === 'user').at(-1)?.text ?? '';
  const out = [];
  const allowed = choice.names ? tools.filter(f => choice.names.includes(f.name)) : tools;
  const finish = text => out.push({ kind: 'final', text: schema ? JSON.stringify(sample(schema, rnd)) : text });
  const forced = choice.mode === 'required' && last?.role !== 'tool';
  const wanted = allowed.find(f => /weather/.test(f.name) && /weather|warm/i.test(question));
  if (last?.role === 'tool') {
    let result = {};
    try { result = JSON.parse(last.text); } catch { /* whatever a tool says */ }
    const place = /"location":\s*"([^"]*)"/.exec(turns.filter(m => m.call).at(-1)?.call.arguments ?? '')?.[1] ?? 'there';
    finish(result.temperature === undefined ? `The tool says: ${last.text}` : `It is ${result.temperature} degrees and ${result.sky} in ${place}.`);
    return out;
  }
  if (wanted && choice.mode !== 'none') {
    const place = /\bin ([A-Z][a-z]+)/.exec(question)?.[1] ?? 'Paris';
    if (effort !== 'low') out.push({ kind: 'analysis', text: `Need to call ${wanted.name} for ${place}.` });
    const strict = !loose && JSON.stringify(wanted.parameters ?? {}) !== '{}' && (wanted.strict || !wanted.parameters?.properties?.format);
    out.push({ kind: 'call', name: wanted.name, namespace: wanted.namespace, text: strict ? JSON.stringify(sample(wanted.parameters, rnd)) : `{"location": "${place}"}` });
    return out;
  }
  if (forced && allowed.length) {
    const f = allowed.find(x => x.name === 'get_time') ?? allowed[0];
    out.push({ kind: 'analysis', text: `Need to call ${f.name}.` }, { kind: 'call', name: f.name, namespace: f.namespace, text: JSON.stringify(sample(f.parameters ?? {}, rnd)) });
    return out;
  }
  const country = /capital\s+of\s+(\w+)/i.exec(question)?.[1];
  const word = /"(\w+)" backwards/.exec(question)?.[1], counted = /letters are in "(\w+)"/.exec(question)?.[1], list = /Sort these numbers: ([\d, ]+)/.exec(question)?.[1];
  let thought = 'A short reply will do.', answer = 'Hello! I can add small numbers, sort lists, reverse words and name capitals.';
  if (country && capitals[country.toLowerCase()]) {
    const city = capitals[country.toLowerCase()];
    thought = think(effort, '', `${country}: ${city}.`, `The user asks for the capital of ${country}. That is ${city}.`);
    answer = `The capital of ${country} is ${city}.`;
  } else if (word) { thought = `${[...word].join(' ')} -> ${[...word].reverse().join(' ')}.`; answer = `"${[...word].reverse().join('')}"`; }
  else if (counted) { thought = [...counted].map((c, i) => c + (i + 1)).join(' ') + '.'; answer = `"${counted}" has ${counted.length} letters.`; }
  else if (list) { const n = list.split(',').map(Number).sort((a, b) => a - b).join(', '); thought = think(effort, n + '.', n + '.', `Numbers: ${list}. Smallest first: ${n}.`); answer = n; }
  else if (/who are you/i.test(question)) answer = 'I am tiny-gpt-oss, a toy model that ships with GptOss.Reference.';
  if (temperature >= 1.5) answer += ' ' + ['so', 'it', 'goes', 'on', 'and', 'then'][Math.floor(rnd() * 6)] + ' ' + Math.floor(rnd() * 1000);
  if (thought) out.push({ kind: 'analysis', text: thought });
  finish(answer);
  return out;
}

/** Some value of a schema: the simple keywords only. */
export function sample(schema, rnd, root = schema, depth = 0) {
  if (schema === true || schema === undefined || schema === null) return 'x';
  if (depth > 60) return false;
  if (schema.$ref) return sample(schema.$ref === '#' ? root : schema.$ref.slice(2).split('/').reduce((s, k) => s?.[k], root), rnd, root, depth + 1);
  if ('const' in schema) return schema.const;
  if (schema.enum) return schema.enum[Math.floor(rnd() * schema.enum.length)];
  const union = schema.anyOf ?? schema.oneOf;
  if (union) return sample(union[Math.floor(rnd() * union.length)], rnd, root, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type ?? (schema.properties ? 'object' : schema.items ? 'array' : 'object');
  switch (type) {
    case 'null': return null;
    case 'boolean': return rnd() < 0.5;
    case 'integer': case 'number': {
      const step = schema.multipleOf ?? 1, low = schema.minimum ?? (schema.exclusiveMinimum ?? -step) + step, high = schema.maximum ?? (schema.exclusiveMaximum !== undefined ? schema.exclusiveMaximum - step : low + 4 * step);
      const first = Math.ceil(low / step), last = Math.floor(high / step);
      return (first + Math.floor(rnd() * (last - first + 1))) * step;
    }
    case 'string': {
      if (schema.format === 'date') return '2026-01-31';
      if (schema.pattern) return '2026-01';
      return 'a'.repeat(schema.minLength ?? Math.min(3, schema.maxLength ?? 3));
    }
    case 'array': return Array.from({ length: schema.minItems ?? (depth > 3 ? 0 : 1) }, () => sample(schema.items, rnd, root, depth + 1));
    default: {
      const value = {};
      for (const [k, s] of Object.entries(schema.properties ?? {})) if (schema.required?.includes(k)) value[k] = sample(s, rnd, root, depth + 1);
      return value;
    }
  }
}

/** Why a schema cannot be kept, or null. */
export function schemaFault(schema, root = schema, at = '#') {
  if (typeof schema !== 'object' || schema === null) return null;
  if (typeof schema.$ref === 'string') {
    if (!schema.$ref.startsWith('#')) return `${at}: '$ref' to ${schema.$ref}: only references inside the schema are followed`;
    if (schema.$ref !== '#' && schema.$ref.slice(2).split('/').reduce((s, k) => s?.[k], root) === undefined) return `${at}: '$ref' to ${schema.$ref}, which is not there`;
  }
  if (typeof schema.pattern === 'string') {
    if (/\(\?<?[=!]/.test(schema.pattern)) return `${at}: 'pattern' with look-around`;
    try { new RegExp(schema.pattern, 'u'); } catch { return `${at}: 'pattern' is not a regular expression`; }
  }
  for (const type of [schema.type ?? []].flat()) if (!['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'].includes(type)) return `${at}: unknown 'type' ${type}`;
  if (schema.minLength > 1e6 || schema.minItems > 1e6) return `${at}: 'minLength' or 'minItems' is too large`;
  for (let s = schema, n = 0; s?.$ref; n++) { if (n > 20) return `${at}: '$ref' leads to itself`; s = s.$ref === '#' ? root : s.$ref.slice(2).split('/').reduce((x, k) => x?.[k], root); }
  if (schema.minimum > schema.maximum) return `${at}: 'minimum' over 'maximum'`;
  for (const k of ['properties', '$defs', 'definitions', 'patternProperties']) for (const [name, s] of Object.entries(schema[k] ?? {})) { const f = schemaFault(s, root, `${at}/${k}/${name}`); if (f) return f; }
  for (const k of ['items', 'additionalProperties', 'not']) { const f = schemaFault(schema[k], root, `${at}/${k}`); if (f) return f; }
  for (const k of ['anyOf', 'oneOf', 'allOf', 'prefixItems']) for (const [i, s] of (schema[k] ?? []).entries()) { const f = schemaFault(s, root, `${at}/${k}/${i}`); if (f) return f; }
  return null;
}
