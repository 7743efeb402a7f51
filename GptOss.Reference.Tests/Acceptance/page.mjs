// node page.mjs --base http://127.0.0.1:8000 [--shots FOLDER]: the chat page in a real browser (Debian's Chromium), used as a person would.
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

const option = name => { const at = process.argv.indexOf(name); return at < 0 ? null : process.argv[at + 1]; };
const base = option('--base') ?? 'http://127.0.0.1:8000', shots = option('--shots');
if (shots) mkdirSync(shots, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let passed = 0, failed = 0;

async function check(name, options, use) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', e => problems.push(String(e)));
  page.on('console', m => { if (m.type() === 'error') problems.push(m.text()); });
  page.on('request', r => { if (!r.url().startsWith(base) && !r.url().startsWith('data:')) problems.push(`the page asked for ${r.url()}`); });
  try {
    await page.goto(base);
    await use(page, context);
    if (problems.length) throw new Error(problems.join('; '));
    passed++;
    console.log(`passed  ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAILED  ${name}: ${e.message}`);
  }
  if (shots) await page.screenshot({ path: `${shots}/${name.replace(/\W+/g, '-')}.png` });
  await context.close();
}

const ask = async (page, text) => { await page.fill('#text', text); await page.press('#text', 'Enter'); };
const answered = (page, count) => page.waitForFunction(n => document.querySelectorAll('#turns .note').length === 1 && document.querySelectorAll('.answer').length === n, count, { timeout: 20_000 });
// The toy is sure of its answers only without chance.
const settle = page => page.evaluate(() => { settings.temperature = 0; });

await check('an answer with its reasoning folded', {}, async page => {
  await settle(page);
  await ask(page, 'What is the capital of France?');
  await answered(page, 1);
  if (!(await page.textContent('.answer')).includes('Paris')) throw new Error(await page.textContent('.answer'));
  const reasoning = page.locator('details.turn').first();
  if (await reasoning.evaluate(e => e.open)) throw new Error('the reasoning is open');
  await reasoning.locator('summary').click();
  if (!(await reasoning.locator('.body').textContent()).includes('Paris')) throw new Error('no reasoning text');
  if (!/\d+ tokens · [\d.]+ tokens\/s/.test(await page.textContent('#turns .note'))) throw new Error(await page.textContent('#turns .note'));
});

await check('a conversation goes on and is there after a reload', {}, async page => {
  await settle(page);
  await ask(page, 'What is the capital of France?');
  await answered(page, 1);
  await ask(page, 'Spell "morning" backwards.');
  await answered(page, 2);
  await page.reload();
  if (await page.locator('.answer').count() !== 2) throw new Error('the conversation is gone');
  if (!(await page.locator('.answer').last().textContent()).includes('gninrom')) throw new Error('the second answer');
  await page.click('#new');
  if (await page.locator('.answer').count() !== 0) throw new Error('a new conversation is not empty');
  await page.click('#list .open');
  if (await page.locator('.answer').count() !== 2) throw new Error('the old conversation does not come back');
  await page.click('#list .remove');
  if (await page.locator('#list li').count() !== 0) throw new Error('it was not deleted');
});

await check('retry answers again, stop ends an answer', {}, async page => {
  await settle(page);
  await ask(page, 'What is the capital of Norway?');
  await answered(page, 1);
  const first = await page.textContent('.answer');
  await page.click('#turns .note button:has-text("Retry")');
  await answered(page, 1);
  if (await page.textContent('.answer') !== first) throw new Error(`greedy answers differ: ${first} | ${await page.textContent('.answer')}`);
  await page.evaluate(() => { settings.temperature = 2; });
  await ask(page, 'Tell me a long story about everything.');
  await page.waitForSelector('#stop:not([hidden])');
  await page.click('#stop');
  await page.waitForSelector('#turns .note');
  if (!(await page.textContent('#turns .note')).includes('Stopped.') && !(await page.textContent('#turns .note')).includes('tokens')) throw new Error(await page.textContent('#turns .note'));
});

await check('what the model or the user writes never becomes markup', {}, async page => {
  await ask(page, '<img src=x onerror="document.title=1"> **bold**');
  await page.waitForSelector('#turns .note', { timeout: 20_000 });
  if (await page.locator('.user img').count()) throw new Error('an element from text');
  const shown = await page.evaluate(() => {
    const place = document.createElement('div');
    markdown(place, '# <b>x</b>\n\n- a\n- `<script>`\n\n1. one\n\n```js\n<i>code</i>\n```\n[link](https://example.com) [bad](javascript:alert(1)) **bold** *it*');
    return place.innerHTML;
  });
  for (const part of ['<h3>&lt;b&gt;x&lt;/b&gt;</h3>', '<li>a</li>', '<code>&lt;script&gt;</code>', '<ol start="1">', '<pre><code>&lt;i&gt;code&lt;/i&gt;</code></pre>', '<a href="https://example.com"', '[bad](javascript:alert(1))', '<strong>bold</strong>', '<em>it</em>'])
    if (!shown.includes(part)) throw new Error(`no ${part} in ${shown}`);
});

await check('the narrow page keeps conversations behind a button', { viewport: { width: 390, height: 760 } }, async page => {
  await settle(page);
  await ask(page, 'What is the capital of France?');
  await answered(page, 1);
  if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) throw new Error('the page scrolls sideways');
  await page.click('#menu');
  await page.waitForSelector('#list .open', { state: 'visible' });
});

await check('the dark page', { colorScheme: 'dark' }, async page => {
  await settle(page);
  await ask(page, 'What is the capital of France?');
  await answered(page, 1);
  if (await page.evaluate(() => getComputedStyle(document.body).backgroundColor) === 'rgb(251, 251, 250)') throw new Error('it is not dark');
});

await browser.close();
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed || !passed ? 1 : 0);
