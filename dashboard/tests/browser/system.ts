// A Tally of our own: the built programs with a Redis and a PostgreSQL that nobody else has.

import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Where `cargo build` put the programs. */
const BINARIES = process.env.BINARIES ?? join(ROOT, 'target/debug');

/** How long everything may take to start, and to stop before it is killed. */
const START_MS = 120_000;
const STOP_MS = 30_000;
/** How long a history may take; debug programs count slowly. */
const HISTORY_MS = 180_000;
const LOOK_MS = 50;
const LOG_CHARS = 4_000;
/** Below the ports that systems give to outgoing connections. */
const PORTS = { first: 17_000, count: 15_000, tries: 200 };

export const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}

async function freePort(): Promise<number> {
  for (let i = 0; i < PORTS.tries; i++) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port on 127.0.0.1');
}

export class System {
  private constructor(
    readonly url: string,
    readonly data: string,
    private readonly servers: ChildProcess,
  ) {}

  /** Starts an empty one with these settings and waits until it is ready. It keeps reports in its own directory. */
  static async start(settings: Record<string, string> = {}): Promise<System> {
    const data = await mkdtemp(join(tmpdir(), 'tally-browser-'));
    // PostgreSQL does not run as root: its account has to get in.
    await chmod(data, 0o755);
    const port = await freePort();
    const args = ['run', '--data', join(data, 'run'), '--port', String(port)];
    // Nobody's settings but ours: a wrong one would stop the start.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TALLY_'));
    const env = { ...Object.fromEntries(inherited), TALLY_REPORTS_DIR: join(data, 'reports'), ...settings };
    const servers = spawn(join(BINARIES, 'tally-servers'), args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const system = new System(`http://127.0.0.1:${port}`, data, servers);
    try {
      await system.ready();
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  private async ready(): Promise<void> {
    let said = '';
    const hear = (chunk: Buffer) => (said = (said + chunk.toString()).slice(-LOG_CHARS));
    this.servers.stdout!.on('data', hear);
    this.servers.stderr!.on('data', hear);
    this.servers.once('error', (error) => (said += `\n${error.message}`));
    const until = Date.now() + START_MS;
    while (!said.includes(`ready ${this.url}`)) {
      if (this.servers.exitCode !== null || Date.now() > until) throw new Error(`Tally did not start:\n${said}`);
      await pause(LOOK_MS);
    }
  }

  get pid(): number {
    return this.servers.pid!;
  }

  /** Stops all of it, by the id of the process that keeps the others. */
  async stop(): Promise<void> {
    const ended = new Promise((done) => this.servers.once('exit', done));
    if (this.servers.exitCode === null) {
      this.servers.kill('SIGTERM');
      await Promise.race([ended, pause(STOP_MS).then(() => this.servers.kill('SIGKILL'))]);
    }
    await rm(this.data, { recursive: true, force: true });
  }
}

/** Tells a Tally the history of the demo's shop, and waits until it is counted. */
export async function tellHistory(url: string, span: string, rate: number): Promise<void> {
  const args = ['demo', '--to', url, '--history', span, '--rate', String(rate), '--history-only'];
  await run(join(BINARIES, 'tally'), args, { timeout: HISTORY_MS });
}

/** Posts the demo's live traffic until the function that it returns is called. */
export function traffic(url: string, rate: number): () => void {
  const args = ['demo', '--to', url, '--history', '0', '--rate', String(rate)];
  const demo = spawn(join(BINARIES, 'tally'), args, { stdio: 'ignore' });
  return () => void demo.kill('SIGTERM');
}

/** The process of a Tally's API: a child of the one that keeps all parts. */
export async function apiOf(servers: number): Promise<number> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    const [, name, parent] = /^\d+ \((.*)\) \S (\d+)/.exec(stat) ?? [];
    if (name === 'tally-api' && Number(parent) === servers) return Number(entry);
  }
  throw new Error('the API does not run');
}

/** Runs a statement in a Tally's database. */
export async function sql(data: string, statement: string): Promise<string> {
  const env = await readFile(join(data, 'run/env'), 'utf8');
  const address = /TALLY_DATABASE_URL='([^']+)'/.exec(env)![1]!;
  const { stdout } = await run(await psql(), ['--no-psqlrc', '-qAt', '-v', 'ON_ERROR_STOP=1', '-d', address, '-c', statement]);
  return stdout.trim();
}

async function psql(): Promise<string> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest ? `/usr/lib/postgresql/${newest}/bin/psql` : 'psql';
}
