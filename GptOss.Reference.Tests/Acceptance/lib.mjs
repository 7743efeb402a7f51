// What every check uses: options, raw HTTP, an SSE reader of our own, assertions, the registry and the runner.
import http from 'node:http';
import OpenAI from 'openai';
import AjvModule from 'ajv/dist/2020.js';

const Ajv = AjvModule.default ?? AjvModule;

/** Thrown by t.skip: the check says why it cannot be made here. */
export class Skip extends Error {}

export const registry = [];

/**
 * Registers a check.
 * @param {string} name group/name, unique
 * @param {{fault?: string, fault2?: string, needs?: string}} how fault: the mock's fault under which this check must fail
 * @param {(t: Context) => Promise<void>} run
 */
export function check(name, how, run) {
  if (registry.some(c => c.name === name)) throw new Error(`two checks are called ${name}`);
  registry.push({ name, ...how, run });
}

export function fail(message) { throw new Error(message); }
export function ok(condition, message) { if (!condition) fail(message); }
export function equal(actual, expected, what) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) fail(`${what}: expected ${short(expected)}, got ${short(actual)}`);
}
export function short(value) {
  const text = typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value) ?? String(value);
  return text.length > 300 ? text.slice(0, 300) + '…' : text;
}
export function contains(text, part, what) {
  ok(typeof text === 'string' && text.toLowerCase().includes(part.toLowerCase()), `${what}: expected something with ${short(part)}, got ${short(text)}`);
}
export function isCount(n, what) { ok(Number.isInteger(n) && n >= 0, `${what}: expected a count, got ${short(n)}`); }

/** JSON Schema validation, draft 2020-12, formats not asserted. */
export function validate(schema, value, what) {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: false });
  if (!ajv.validate(schema, value)) fail(`${what}: ${short(value)} does not fit the schema: ${ajv.errorsText()}`);
}

/** An error answer in OpenAI's shape. Returns the error object. */
export function errorShape(answer, status, { code, param, type } = {}) {
  const statuses = [status].flat();
  ok(statuses.includes(answer.status), `expected status ${statuses.join(' or ')}, got ${answer.status}: ${short(answer.text)}`);
  contains(answer.headers['content-type'] ?? '', 'application/json', 'content-type of an error');
  const error = answer.json?.error;
  ok(error && typeof error === 'object', `no error object in ${short(answer.text)}`);
  ok(typeof error.message === 'string' && error.message.length > 0, `error.message is ${short(error.message)}`);
  ok(typeof error.type === 'string', `error.type is ${short(error.type)}`);
  ok('param' in error && (error.param === null || typeof error.param === 'string'), `error.param is ${short(error.param)}`);
  ok('code' in error && (error.code === null || typeof error.code === 'string'), `error.code is ${short(error.code)}`);
  if (code !== undefined) ok([code].flat().includes(error.code), `error.code: expected ${short(code)}, got ${short(error.code)} (${short(error.message)})`);
  if (param !== undefined) ok([param].flat().includes(error.param), `error.param: expected ${short(param)}, got ${short(error.param)} (${short(error.message)})`);
  if (type !== undefined) ok([type].flat().includes(error.type), `error.type: expected ${short(type)}, got ${short(error.type)}`);
  return error;
}

/** Splits a complete event stream into its frames, strictly: fields, LF or CR LF, a blank line after each frame. */
export function frames(text) {
  const out = [];
  for (const block of text.replace(/\r\n/g, '\n').split('\n\n')) {
    if (block.trim() === '') continue;
    const frame = { event: null, data: null, comment: false };
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) { frame.comment = true; continue; }
      const colon = line.indexOf(':');
      ok(colon > 0, `a line of the stream is not a field: ${short(line)}`);
      const field = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, '');
      ok(['event', 'data', 'id', 'retry'].includes(field), `unknown field in the stream: ${short(line)}`);
      if (field === 'data') frame.data = frame.data === null ? value : frame.data + '\n' + value;
      else frame[field] = value;
    }
    if (frame.data !== null || frame.event !== null) out.push(frame);
  }
  return out;
}

export class Context {
  constructor(options) {
    this.options = options;
    this.base = options.base.replace(/\/+$/, '');
    this.root = this.base.replace(/\/v1$/, '');
    this.model = options.model;
    this.key = options.key ?? null;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 400 });
  }

  skip(reason) { throw new Skip(reason); }

  /** The official client. */
  openai(more = {}) { return new OpenAI({ baseURL: this.base, apiKey: this.key ?? 'none', maxRetries: 0, timeout: 120_000, ...more }); }

  headers(more = {}) {
    const headers = { 'content-type': 'application/json', ...(this.key ? { authorization: `Bearer ${this.key}` } : {}), ...more };
    for (const name of Object.keys(headers)) if (headers[name] === null) delete headers[name];
    return headers;
  }

  /** One raw request; path is relative to the server's root. Body: string, Buffer or something to serialise. */
  raw(method, path, { body, headers = {}, timeout = 120_000, onData, signal, again = false } = {}) {
    const payload = body === undefined ? null : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const url = new URL(this.root + path);
    return new Promise((resolve, reject) => {
      const request = http.request(url, { method, agent: this.agent, headers: { ...this.headers(headers), ...(payload === null ? {} : { 'content-length': Buffer.byteLength(payload) }) }, signal }, response => {
        const parts = [];
        response.on('data', part => { parts.push(part); onData?.(part, response); });
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(parts);
          const text = bytes.toString('utf8');
          let json = null;
          try { json = JSON.parse(text); } catch { /* not JSON: json stays null */ }
          resolve({ status: response.statusCode, headers: response.headers, bytes, text, json });
        });
      });
      request.setTimeout(timeout, () => request.destroy(new Error(`no answer within ${timeout} ms`)));
      request.on('error', error => (error.code === 'ECONNRESET' && request.reusedSocket && !again ? this.raw(method, path, { body, headers, timeout, onData, signal, again: true }).then(resolve, reject) : reject(error)));
      if (payload !== null) request.write(payload);
      request.end();
    });
  }

  get(path, more) { return this.raw('GET', path, more); }
  post(path, body, more) { return this.raw('POST', path, { body, ...more }); }
  chat(body, more) { return this.post('/v1/chat/completions', { model: this.model, temperature: 0, ...body }, more); }
  responses(body, more) { return this.post('/v1/responses', { model: this.model, temperature: 0, ...body }, more); }

  async chatOk(body) {
    const answer = await this.chat(body);
    ok(answer.status === 200, `status ${answer.status}: ${short(answer.text)}`);
    return answer.json;
  }

  async responsesOk(body) {
    const answer = await this.responses(body);
    ok(answer.status === 200, `status ${answer.status}: ${short(answer.text)}`);
    return answer.json;
  }

  /** Streams a chat completion raw; gives the chunks, checked for framing and the end mark. */
  async chatStream(body) {
    const answer = await this.chat({ ...body, stream: true });
    ok(answer.status === 200, `status ${answer.status}: ${short(answer.text)}`);
    contains(answer.headers['content-type'] ?? '', 'text/event-stream', 'content-type of a stream');
    const all = frames(answer.text);
    ok(all.length > 0 && all.at(-1).data === '[DONE]', `the stream does not end in [DONE]: ${short(all.at(-1))}`);
    return all.slice(0, -1).map(f => JSON.parse(f.data));
  }

  /** Streams a response raw; gives the events, checked for framing and names. */
  async responsesStream(body) {
    const answer = await this.responses({ ...body, stream: true });
    ok(answer.status === 200, `status ${answer.status}: ${short(answer.text)}`);
    contains(answer.headers['content-type'] ?? '', 'text/event-stream', 'content-type of a stream');
    return frames(answer.text).filter(f => f.data !== '[DONE]').map(f => {
      const event = JSON.parse(f.data);
      equal(f.event, event.type, 'event line against data.type');
      return event;
    });
  }
}

/** One question the toy answers surely, and what must be in its answer. */
export const questions = [
  ['What is the capital of France?', 'Paris'], ['What is the capital of Norway?', 'Oslo'], ['What is the capital of Italy?', 'Rome'],
  ['What is the capital of Spain?', 'Madrid'], ['What is the capital of Japan?', 'Tokyo'], ['Spell "morning" backwards.', 'gninrom'],
  ['Sort these numbers: 31, 11, 41.', '11, 31, 41'], ['How many letters are in "story"?', '5'],
];

export const weather = {
  name: 'get_current_weather',
  description: 'Gets the current weather in the provided location.',
  parameters: {
    type: 'object',
    properties: {
      location: { type: 'string', description: 'The city and state, e.g. San Francisco, CA' },
      format: { type: 'string', enum: ['celsius', 'fahrenheit'], default: 'celsius' },
    },
    required: ['location'],
  },
};
export const chatTool = (more = {}) => ({ type: 'function', function: { ...weather, ...more } });
export const responsesTool = (more = {}) => ({ type: 'function', ...weather, strict: false, ...more });
export const askWeather = "What's the weather in Paris?";
export const weatherResult = '{"temperature": 21, "sky": "sunny"}';
export const user = content => ({ role: 'user', content });

/** A schema whose every value is short, so that any model ends well within a small budget. */
export const verdict = {
  type: 'object',
  properties: {
    country: { type: 'string', enum: ['France', 'Norway', 'Italy'] },
    certain: { type: 'boolean' },
    stars: { type: 'integer', minimum: 1, maximum: 5 },
    tags: { type: 'array', items: { type: 'string', enum: ['old', 'big', 'north', 'south'] }, minItems: 1, maxItems: 2 },
  },
  required: ['country', 'certain', 'stars', 'tags'],
  additionalProperties: false,
};

export async function serve(options, { only, quiet = false, limitMs = 120_000 } = {}) {
  const t = new Context(options);
  if (!t.model) {
    const list = await t.get('/v1/models');
    t.model = list.json?.data?.[0]?.id ?? fail(`GET /v1/models gave no model: ${list.status} ${short(list.text)}`);
  }
  const results = [];
  for (const c of registry) {
    if (only && !only.test(c.name)) continue;
    const start = Date.now();
    let result = 'passed', message = '', timer;
    try {
      const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`not done within ${limitMs} ms`)), limitMs); });
      await Promise.race([c.run(t), late]);
    } catch (error) {
      result = error instanceof Skip ? 'skipped' : 'failed';
      message = error.message;
    } finally { clearTimeout(timer); }
    const ms = Date.now() - start;
    results.push({ name: c.name, result, message, ms });
    if (!quiet) console.log(`${{ passed: 'ok     ', failed: 'FAILED ', skipped: 'skipped' }[result]} ${c.name} (${ms} ms)${message ? `\n          ${message}` : ''}`);
  }
  t.agent.destroy();
  return results;
}

export function count(results) {
  const of = r => results.filter(x => x.result === r).length;
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}

export function parseOptions(argv) {
  const options = { base: process.env.GPTOSS_BASE_URL ?? 'http://127.0.0.1:8000/v1', key: process.env.GPTOSS_API_KEY || null, model: null, origin: 'http://localhost:5173' };
  let only = null, json = null;
  for (let i = 0; i < argv.length; i++) {
    const value = () => argv[++i] ?? fail(`${argv[i - 1]} needs a value`);
    switch (argv[i]) {
      case '--base': options.base = value(); break;
      case '--key': options.key = value(); break;
      case '--model': options.model = value(); break;
      case '--origin': options.origin = value(); break;
      case '--only': only = new RegExp(value()); break;
      case '--json': json = value(); break;
      default: fail(`unknown option ${argv[i]}; there are --base URL, --key KEY, --model NAME, --origin ORIGIN, --only REGEX, --json FILE`);
    }
  }
  if (!/\/v1\/?$/.test(options.base)) options.base = options.base.replace(/\/+$/, '') + '/v1';
  return { options, only, json };
}
