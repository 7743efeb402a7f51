// Times llama.cpp on a GGUF file, as `llama-bench` does, and prints the same JSON, for those who have npm and no llama-bench:
//
//   npm install node-llama-cpp@3.22.1
//   node peer-bench.mjs MODEL.gguf --prompt 32,128,512 --depth 16,2048 --tokens 16 --repeat 3 --threads 2 > peer.json
//   gptoss bench --model MODEL.gguf --prompt 512 --context 2048 --threads 2 --preload --peer peer.json
//
// Prompts of random tokens are evaluated in one batch, with logits of the last; tokens are decoded one by one with logits of each.
// One run of each kind warms up. No GPU; weights are mapped and repacked as llama.cpp does by default.
import { basename } from "node:path";
import { getLlama } from "node-llama-cpp";

const options = { prompt: "32,128,512", depth: "16,2048", tokens: "16", repeat: "3", threads: "2", flash: "auto" };
let file;
for (let i = 2; i < process.argv.length; i++) {
    const name = process.argv[i].replace(/^--/, "");
    if (process.argv[i].startsWith("--") && name in options && i + 1 < process.argv.length)
        options[name] = process.argv[++i];
    else if (!process.argv[i].startsWith("--") && file === undefined)
        file = process.argv[i];
    else
        throw new Error(`'${process.argv[i]}' is not an option with a value, and there is one model.`);
}
if (file === undefined)
    throw new Error("Give the GGUF file.");
const numbers = (text) => text.split(",").filter((word) => word !== "").map(Number);
const prompts = numbers(options.prompt), depths = numbers(options.depth);
const tokens = Number(options.tokens), repeat = Number(options.repeat), threads = Number(options.threads);
const flashAttention = options.flash === "auto" ? "auto" : options.flash === "on";
const longest = Math.max(...prompts, ...depths.map((depth) => depth + (repeat + 1) * tokens + 1), 1);

const llama = await getLlama({ gpu: false, build: "never", maxThreads: 0, progressLogs: false, skipDownload: true });
const begin = performance.now();
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
process.stderr.write(`loaded in ${((performance.now() - begin) / 1000).toFixed(1)} s\n`);
const context = await model.createContext({ sequences: 1, contextSize: longest + 64, batchSize: 512, threads, flashAttention });
const sequence = context.getSequence();

let state = 1;
const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % 199998;                       // the ordinary tokens of o200k
};

/** Feeds ids; the last of them gets a row of logits and a greedy choice. */
async function feed(ids) {
    const input = [...ids.slice(0, -1), [ids[ids.length - 1], { generateNext: { token: true } }]];
    const answers = await sequence.controlledEvaluate(input);
    return answers[answers.length - 1].next.token;
}

async function time(work) {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
}

const description = {
    build_commit: `${llama.llamaCppRelease.release} of node-llama-cpp`, model_filename: basename(file),
    model_type: model.typeDescription, model_size: model.size, n_threads: context.currentThreads,
};
const tests = [];

function add(prompt, generated, depth, seconds) {
    const speeds = seconds.map((one) => (prompt + generated) / one);
    const mean = speeds.reduce((a, b) => a + b) / speeds.length;
    const deviation = Math.sqrt(speeds.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, speeds.length - 1));
    tests.push({ ...description, n_prompt: prompt, n_gen: generated, n_depth: depth, avg_ts: mean, stddev_ts: deviation, samples_ts: speeds });
    process.stderr.write(`${prompt > 0 ? "prefill" : "decode"} ${prompt + generated} after ${depth}: ${speeds.map((s) => s.toFixed(2)).join(" ")}\n`);
}

for (const prompt of prompts) {
    const seconds = [];
    for (let run = -1; run < repeat; run++) {
        await sequence.clearHistory();
        const ids = Array.from({ length: prompt }, random);
        const one = await time(() => feed(ids));
        if (run >= 0)
            seconds.push(one);
    }
    add(prompt, 0, 0, seconds);
}
for (const depth of depths) {
    const seconds = [];
    await sequence.clearHistory();
    let next = await feed(Array.from({ length: depth }, random));
    for (let run = -1; run < repeat; run++) {                    // each goes on where the one before ended
        const one = await time(async () => {
            for (let i = 0; i < tokens; i++)
                next = await feed([next]);
        });
        if (run >= 0)
            seconds.push(one);
    }
    add(0, tokens, depth, seconds);
}
process.stdout.write(JSON.stringify(tests, null, 2) + "\n");
await llama.dispose();
