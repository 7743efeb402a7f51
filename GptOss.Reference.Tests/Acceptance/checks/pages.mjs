// The samples of docs/serving.md as the page has them, against this server: only address, key and model are exchanged.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { Agent, run, setDefaultOpenAIClient } from '@openai/agents';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText } from 'ai';
import { check, contains, fail, ok, short } from '../lib.mjs';

const page = readFileSync(new URL('../../../docs/serving.md', import.meta.url), 'utf8');
const question = 'What is the capital of France?';

/** The only block of a language that holds a text. */
function block(language, part) {
  const found = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(m => m[1] === language && m[2].includes(part)).map(m => m[2]);
  ok(found.length === 1, `the page has ${found.length} samples in ${language} with ${short(part)}`);
  return found[0];
}

/** The only inline code that begins with a text. */
function inline(start) {
  const found = [...page.matchAll(/`([^`\n]+)`/g)].map(m => m[1]).filter(code => code.startsWith(start));
  ok(found.length === 1, `the page has ${found.length} pieces of code that begin with ${short(start)}`);
  return found[0];
}

/** A sample with this server in place of the page's: each exchange must find something. */
function here(sample, exchanges) {
  for (const [from, to] of exchanges) {
    ok(sample.includes(from), `the sample has no ${short(from)}: ${short(sample)}`);
    sample = sample.replaceAll(from, to);
  }
  return sample;
}

const start = promisify(execFile);

check('pages/the curl line', { fault: 'mute' }, async t => {
  const line = here(block('sh', 'curl'), [['http://127.0.0.1:8000', t.root], ['curl -s', `curl -s -H 'authorization: Bearer ${t.key ?? 'none'}'`]]);
  const { stdout } = await start('sh', ['-c', line]);
  contains(JSON.parse(stdout).choices[0].message.content, 'Paris', 'the answer that curl prints');
});

check('pages/the sample in JavaScript', { fault: 'mute' }, async t => {
  const sample = here(block('js', 'new OpenAI'), [['http://127.0.0.1:8000/v1', t.base], ["'none'", JSON.stringify(t.key ?? 'none')], ["'gpt-oss-20b'", JSON.stringify(t.model)]]);
  // Beside these checks, so that it finds their packages.
  const folder = mkdtempSync(fileURLToPath(new URL('../node_modules/.pages-', import.meta.url)));
  try {
    writeFileSync(`${folder}/sample.mjs`, sample);
    const { stdout } = await start(process.execPath, [`${folder}/sample.mjs`]);
    ok(stdout.trim().length > 0, 'the sample printed nothing');
  } finally { rmSync(folder, { recursive: true }); }
});

const withKey = t => ["'none'", JSON.stringify(t.key ?? 'none')];

check('pages/the Agents SDK', { fault: 'mute' }, async t => {
  const set = new Function('setDefaultOpenAIClient', 'OpenAI', 'baseURL', here(inline('setDefaultOpenAIClient('), [withKey(t)]));
  set(setDefaultOpenAIClient, OpenAI, t.base);
  const result = await run(new Agent({ name: 'geographer', model: t.model, modelSettings: { temperature: 0 } }), question);
  contains(result.finalOutput, 'Paris', 'final output');
});

for (const name of ['createOpenAICompatible', 'createOpenAI']) {
  check(`pages/the AI SDK: ${name}`, { fault: 'mute' }, async t => {
    // A provider of the compatible kind has no key on the page, for a server without one.
    const sample = here(inline(`${name}(`), [name === 'createOpenAI' ? withKey(t) : ['baseURL }', `baseURL, apiKey: ${JSON.stringify(t.key ?? 'none')} }`]]);
    const provider = new Function(name, 'baseURL', `return ${sample};`)({ createOpenAICompatible, createOpenAI }[name] ?? fail(name), t.base);
    const { text } = await generateText({ model: provider(t.model), prompt: question, temperature: 0 });
    contains(text, 'Paris', 'text');
  });
}
