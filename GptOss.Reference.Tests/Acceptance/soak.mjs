// node soak.mjs --base http://127.0.0.1:8000/v1 --pid PID [--clients 64] [--seconds 180] [--seed 1] [--schemas]
// Many clients for a while: answers that are compared with what the same question gives alone, streams that are left, bodies half sent, slow
// readers, oversized and malformed requests. At the end nothing may run, and threads and memory are where they were.
import http from 'node:http';
import net from 'node:net';
import { readFileSync } from 'node:fs';
import { questions, user } from './lib.mjs';

const option = (name, otherwise) => { const at = process.argv.indexOf(`--${name}`); return at < 0 ? otherwise : process.argv[at + 1]; };
const base = new URL(option('base', 'http://127.0.0.1:8000/v1')), pid = option('pid'), key = option('key');
const schemas = process.argv.includes('--schemas');                  // whether the server constrains answers, and so refuses what it cannot keep
const clients = Number(option('clients', 64)), seconds = Number(option('seconds', 180));
let state = Number(option('seed', 1)) >>> 0;
const random = () => { state = (state + 0x6d2b79f5) >>> 0; let x = Math.imul(state ^ (state >>> 15), 1 | state); x ^= x + Math.imul(x ^ (x >>> 7), 61 | x); return ((x ^ (x >>> 14)) >>> 0) / 4294967296; };
const pick = list => list[Math.floor(random() * list.length)];
const sleep = ms => new Promise(done => setTimeout(done, ms));
const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) };
const problems = [], counts = {};
const count = what => { counts[what] = (counts[what] ?? 0) + 1; };
const problem = text => { if (problems.length < 20) problems.push(text); };

// {status, text} of a request; onData may look at pieces, leave() ends it early.
function send(path, body, { leaveAfter, slow } = {}) {
  return new Promise(resolve => {
    const request = http.request({ host: base.hostname, port: base.port, path: base.pathname.replace(/\/$/, '') + path, method: 'POST', headers, agent: false }, response => {
      let text = '';
      response.on('data', piece => {
        text += piece;
        if (leaveAfter !== undefined && text.length >= leaveAfter) request.destroy();
        if (slow) { response.pause(); setTimeout(() => response.resume(), 50 + random() * 200); }
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
      response.on('error', () => resolve({ left: true }));
      response.on('close', () => resolve({ left: true }));
    });
    request.on('error', error => resolve({ left: true, error }));
    request.end(typeof body === 'string' ? body : JSON.stringify(body));
    if (leaveAfter === 0) setTimeout(() => request.destroy(), random() * 100);
  });
}

const asks = questions.map(([question], i) => ({ messages: [user(question)], temperature: i % 2, seed: i, max_tokens: 60, reasoning_effort: 'low' }));
const essence = text => { const c = JSON.parse(text); return JSON.stringify([c.choices[0].message, c.choices[0].finish_reason, c.usage.completion_tokens]); };
const streamed = text => {
  let content = '', reasoning = '', finish = null;
  const frames = text.split('\n\n').filter(f => f.startsWith('data: '));
  if (frames.at(-1) !== 'data: [DONE]') return null;
  for (const frame of frames.slice(0, -1)) {
    const { delta, finish_reason } = JSON.parse(frame.slice(6)).choices[0];
    content += delta.content ?? ''; reasoning += delta.reasoning ?? ''; finish = finish_reason ?? finish;
  }
  return JSON.stringify([content, reasoning, finish]);
};

const alone = [], aloneStreams = [];
for (const ask of asks) {
  const answer = await send('/chat/completions', ask);
  if (answer.status !== 200) { console.log(`a question alone: ${answer.status} ${answer.text}`); process.exit(1); }
  alone.push(essence(answer.text));
  const { message, finish_reason } = JSON.parse(answer.text).choices[0];
  aloneStreams.push(JSON.stringify([message.content ?? '', message.reasoning ?? '', finish_reason]));
}

const kinds = {
  async whole() {
    const i = Math.floor(random() * asks.length), answer = await send('/chat/completions', asks[i]);
    if (answer.status === 429) { count('refused with 429'); await sleep(300); return; }
    if (answer.status !== 200) problem(`whole: status ${answer.status ?? 'none'} ${answer.text ?? answer.error}`);
    else if (essence(answer.text) !== alone[i]) problem(`question ${i}: ${essence(answer.text)} in company, ${alone[i]} alone`);
  },
  async streamed(slow = false) {
    const i = Math.floor(random() * asks.length), answer = await send('/chat/completions', { ...asks[i], stream: true }, { slow });
    if (answer.status === 429) { count('refused with 429'); await sleep(300); return; }
    if (answer.status !== 200) problem(`stream: status ${answer.status ?? 'none'} ${answer.text ?? answer.error}`);
    else if (streamed(answer.text) !== aloneStreams[i]) problem(`stream ${i}: ${streamed(answer.text)} in company, ${aloneStreams[i]} alone`);
  },
  slow: () => kinds.streamed(true),
  async leaves() { await send('/chat/completions', { ...pick(asks), stream: true, max_tokens: 5000 }, { leaveAfter: Math.floor(random() * 600) }); },
  async leavesWhole() { await send(pick(['/chat/completions', '/responses']), { ...pick(asks), input: 'Who are you?', max_tokens: 5000 }, { leaveAfter: 0 }); },
  halfSent: () => new Promise(done => {
    const socket = net.connect(Number(base.port), base.hostname, () => {
      socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: ${base.host}\r\nContent-Type: application/json\r\n${key ? `Authorization: Bearer ${key}\r\n` : ''}Content-Length: 5000\r\n\r\n{"messages": [`);
      setTimeout(() => { socket.destroy(); done(); }, random() * 300);
    });
    socket.on('error', done);
  }),
  async malformed() {
    const [path, body, wanted] = pick([
      ['/chat/completions', '{"messages": [', 400], ['/chat/completions', '[]', 400], ['/chat/completions', { messages: [] }, 400], ['/chat/completions', { messages: [user('x')], temperature: 99 }, 400],
      ['/responses', { input: [{ type: 'wat' }] }, 400], ['/responses', { input: 'x', previous_response_id: 'resp_none' }, 400], ['/completions', { prompt: { a: 1 } }, 400], ['/nowhere', {}, 404],
      ...!schemas ? [] : [['/chat/completions', { messages: [user('x')], response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'string', minimum: 'a' } } } }, 400]],
    ]);
    const answer = await send(path, body);
    if (answer.status !== wanted) problem(`malformed ${JSON.stringify(body).slice(0, 80)}: status ${answer.status}, expected ${wanted}: ${answer.text?.slice(0, 200)}`);
  },
  async oversized() {
    const answer = await send('/chat/completions', JSON.stringify({ messages: [user('x'.repeat(9 << 20))] }));
    if (answer.status !== 413 && !answer.left) problem(`oversized: status ${answer.status}`);
  },
};
const bag = ['whole', 'whole', 'whole', 'streamed', 'streamed', 'slow', 'leaves', 'leaves', 'leavesWhole', 'halfSent', 'malformed', 'malformed', 'oversized'];

const memory = () => { const text = readFileSync(`/proc/${pid}/status`, 'utf8'); return { threads: Number(/Threads:\s+(\d+)/.exec(text)[1]), rss: Number(/VmRSS:\s+(\d+)/.exec(text)[1]) / 1024 }; };
const gauge = async name => {
  const text = await new Promise((done, fail) => http.get({ host: base.hostname, port: base.port, path: '/metrics', headers, agent: false }, r => { let t = ''; r.on('data', d => t += d); r.on('end', () => done(t)); }).on('error', fail));
  return text.split('\n').filter(l => l.startsWith(name + '{') || l.startsWith(name + ' ')).reduce((sum, l) => sum + Number(l.slice(l.lastIndexOf(' '))), 0);
};

const end = Date.now() + seconds * 1000;
let middle = null;
await Promise.all(Array.from({ length: clients }, async (_, i) => {
  await sleep(i * 20);
  while (Date.now() < end) {
    const kind = pick(bag);
    count(kind);
    await kinds[kind]();
    if (pid && !middle && Date.now() > end - seconds * 600) middle = memory();
  }
}));

for (let i = 0; i < 100 && await gauge('gptoss_requests_running') + await gauge('gptoss_requests_waiting') > 0; i++) await sleep(100);
const left = await gauge('gptoss_requests_running') + await gauge('gptoss_requests_waiting');
if (left > 0) problem(`${left} requests run or wait after the last client has gone`);
if (await gauge('gptoss_errors_total') > 0) problem(`${await gauge('gptoss_errors_total')} requests failed by a defect`);
if (pid) {
  // The thread pool takes more threads where the processors are busy, and gives those up that were idle for 20 s: a leak stays.
  const busy = memory().threads;
  for (let i = 0; i < 60 && memory().threads > middle.threads + 16; i++) await sleep(1000);
  const last = memory();
  if (busy !== last.threads) console.log(`${busy} threads right after the last request`);
  console.log(`threads ${middle.threads} → ${last.threads}, resident ${middle.rss.toFixed(0)} → ${last.rss.toFixed(0)} MiB`);
  if (last.threads > middle.threads + 16) problem(`threads grew from ${middle.threads} to ${last.threads}`);
  if (last.rss > middle.rss * 1.5 + 100) problem(`memory grew from ${middle.rss.toFixed(0)} to ${last.rss.toFixed(0)} MiB`);
}
console.log(Object.entries(counts).map(([what, n]) => `${what} ${n}`).join(', '));
for (const p of problems) console.log(`FAILED  ${p}`);
console.log(`${Object.values(counts).reduce((a, b) => a + b, 0)} requests of ${clients} clients in ${seconds} s`);
console.log(`${problems.length ? 0 : 1} passed, ${problems.length} failed, 0 skipped`);
process.exit(problems.length ? 1 : 0);
