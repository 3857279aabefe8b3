// What a verification of an API key costs with Better Auth on SQLite, for comparison: `measure.mjs [KEYS [SECONDS]]`.
//
// It is called in its own process, with no HTTP between, which favours it. Prints one line of JSON: verifications, how
// many per second, and processor microseconds for each.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import Database from 'better-sqlite3';

// An older one would end in a segmentation fault.
assert.ok(parseInt(process.versions.node, 10) >= 22, 'Node 22 or newer is needed');
const [KEYS, SECONDS] = [process.argv[2] ?? 1000, process.argv[3] ?? 5].map(Number);
assert.ok(KEYS >= 1 && SECONDS > 0, 'measure.mjs [KEYS [SECONDS]]');
const IN_FLIGHT = 16;
const WARM_UP = 1;

const directory = mkdtempSync(join(tmpdir(), 'better-auth-'));
process.on('exit', () => rmSync(directory, { recursive: true }));
const database = new Database(join(directory, 'auth.db'));
// With its default in this mode, `synchronous = NORMAL`: no commit waits for the disk, which favours it too.
assert.equal(database.pragma('journal_mode = WAL', { simple: true }), 'wal');

const auth = betterAuth({
  database,
  baseURL: 'http://localhost',
  secret: 'only for this measurement, nothing else',
  emailAndPassword: { enabled: true },
  logger: { disabled: true },
  // Each key counts its requests, but never reaches the limit.
  plugins: [apiKey({ rateLimit: { enabled: true, timeWindow: 24 * 60 * 60 * 1000, maxRequests: 1_000_000_000 } })],
});
await (await getMigrations(auth.options)).runMigrations();

const { user } = await auth.api.signUpEmail({ body: { name: 'A', email: 'a@example.com', password: 'long enough' } });
const permissions = { documents: ['read', 'write'] };
const keys = [];
while (keys.length < KEYS) keys.push((await auth.api.createApiKey({ body: { userId: user.id, permissions } })).key);

const verify = (key, action) => auth.api.verifyApiKey({ body: { key, permissions: { documents: [action] } } });
assert.equal((await verify(keys[0], 'delete')).valid, false);
assert.equal((await verify('x'.repeat(64), 'read')).valid, false);

async function run(seconds) {
  const end = performance.now() + seconds * 1000;
  let verifications = 0;
  const one = async () => {
    while (performance.now() < end) {
      const answer = await verify(keys[Math.floor(Math.random() * KEYS)], 'read');
      assert.equal(answer.valid, true, JSON.stringify(answer));
      verifications += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
  return verifications;
}

const before = await run(WARM_UP);
const [cpu, begun] = [process.cpuUsage(), performance.now()];
const verifications = await run(SECONDS);
const seconds = (performance.now() - begun) / 1000;
const { user: own, system } = process.cpuUsage(cpu);
assert.equal(database.pragma('synchronous', { simple: true }), 1);
assert.equal(database.prepare('SELECT SUM(requestCount) FROM apikey').pluck().get(), before + verifications);

const rate = Math.round(verifications / seconds);
console.log(JSON.stringify({ verifications, rate, cpu_us: Math.round((own + system) / verifications) }));
