import { readData } from '../api-answer.ts';
import type { CliCommand } from '../cli-command.ts';
import { type DoctorAnswer, type DoctorReport, doctorReport } from '../doctor-api.ts';
import { isWell, renderDoctor } from '../doctor-view.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { wholeNumber } from '../option-values.ts';
import type { Act, Session } from '../session.ts';
import { waitUntilEnded } from '../wait-until-ended.ts';

type DoctorOptions = { fix?: true; wait: number; json?: true };

const usualWaitSeconds = 60;
/** Most looks are over within it; after it the job is followed. */
const silentWaitSeconds = 5;

export function addDoctorCommand(program: CliCommand, act: Act): void {
  program
    .command('doctor')
    .description('Look for what is wrong with the installation, and say what to do about it.')
    .option('--fix', 'mend what can be mended without a decision, such as databases open to every login')
    .option(
      '--wait <seconds>',
      'how long to wait for a worker to look',
      wholeNumber(1, 3_600),
      usualWaitSeconds,
    )
    .withJson()
    .withExamples(
      { line: 'tenant-cli doctor', does: 'exit code 3 when there are problems; warnings are none' },
      { line: 'tenant-cli doctor --fix', does: 'mend, then look' },
    )
    .action((options: DoctorOptions) => act((session) => doctor(session, options)));
}

async function doctor(session: Session, options: DoctorOptions): Promise<ExitCode> {
  const { output } = session;
  const report = await ask(session, options);
  if (options.json) await output.json(report);
  else await output.text(renderDoctor(report, output.look));
  return isWell(report.checks) ? exitCodes.done : exitCodes.partly;
}

async function ask(session: Session, { fix, wait }: DoctorOptions): Promise<DoctorReport> {
  const { api, output, now } = session;
  const deadline = now().getTime() + wait * 1_000;
  await output.progress(fix ? 'Mending and looking …' : 'Looking …');
  const waitSeconds = Math.min(wait, silentWaitSeconds);
  const { value } = await (fix ? api.askDoctorToFix(waitSeconds) : api.askDoctor(waitSeconds));
  if (isReport(value)) return value;
  const report = await follow(session, value.job_id, deadline);
  if (report !== undefined) return report;
  await output.say(`No worker has answered after ${wait} s. This is what the API sees without one:`);
  return (await api.askDoctorHere()).value;
}

const isReport = (value: DoctorAnswer): value is DoctorReport => 'checks' in value;

/** @returns undefined when nobody has answered in time. */
async function follow(session: Session, jobId: string, deadline: number): Promise<DoctorReport | undefined> {
  const job = await waitUntilEnded(session, {
    read: async () => (await session.api.readJob(jobId)).value,
    deadline,
    describe: (state) =>
      state?.status === 'processing' ? 'A worker is looking …' : 'Waiting for a worker …',
  });
  if (job?.status === 'completed') return readData(job.result, doctorReport, 200).value;
  if (job?.status === 'failed' || job?.status === 'cancelled') {
    throw new Failure({
      title: 'Not looked',
      message: job.error?.message ?? `The job was ${job.status}.`,
      code: job.error?.code,
      hints: ['The log of the worker says more.'],
    });
  }
  return undefined;
}
