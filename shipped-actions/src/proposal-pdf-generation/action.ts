import { type Attempt, defineAction, FileResult, PermanentError } from '@errand/actions';
import { type PerformanceResult, performanceResult } from '../performance-simulation/result.ts';
import { type ProposalInput, proposalInput } from './input.ts';
import { proposalDocument } from './proposal-document.ts';

const RESOURCE = 'designs/{design_id}';
const SIMULATION = 'performance_simulation';

/** Makes a proposal for a design as a PDF, from the result of its simulation. The same input gives the same bytes. */
export const proposalPdfGeneration = defineAction({
  name: 'proposal_pdf_generation',
  version: '1',
  description: 'Makes a PDF proposal for a photovoltaic design, with the energy that its simulation found.',
  resource: RESOURCE,
  input: proposalInput,
  result: FileResult,
  retry: { maxAttempts: 5 },
  timeoutMs: 120_000,
  concurrency: 2,
  thread: 'worker',
  async run(attempt) {
    const { input, resource, progress, saveResult, signal } = attempt;
    progress(5, 'reading the simulation');
    const simulation = await simulationOf(attempt);
    signal.throwIfAborted();
    progress(30, 'laying out the pages');
    const body = proposalDocument(input, simulation, resource.design_id);
    progress(80, 'storing the PDF');
    const saved = await saveResult({ contentType: 'application/pdf', filename: filenameOf(input), body });
    progress(100);
    return saved;
  },
});

/** @throws PermanentError invalid_simulation */
async function simulationOf({
  input,
  resource,
  readResult,
}: Pick<
  Attempt<ProposalInput, typeof RESOURCE>,
  'input' | 'resource' | 'readResult'
>): Promise<PerformanceResult> {
  const { job_id: jobId, result: given } = input.simulation;
  if (given) return given;
  if (jobId === undefined) throw new Error('the schema lets no simulation without either through');
  const job = await readResult(jobId);
  if (job.kind === 'unknown') throw invalid('There is no such job, or the log no longer has it.');
  if (job.kind === 'not_succeeded') throw invalid(`The job is ${job.status}, not succeeded.`);
  if (job.kind === 'not_json' || job.action !== SIMULATION)
    throw invalid(`The job is not a ${SIMULATION} job.`);
  if (job.resource.design_id !== resource.design_id) throw invalid('The job belongs to another design.');
  const result = performanceResult.safeParse(job.result);
  if (!result.success) throw invalid('This version cannot read the result of the job.');
  return result.data;
}

function invalid(detail: string): PermanentError {
  const details = [{ pointer: '#/simulation/job_id', code: 'invalid_simulation', detail }];
  return new PermanentError('invalid_simulation', detail, details);
}

function filenameOf({ number }: ProposalInput): string {
  return `proposal-${number.replaceAll(/[/\\]/g, '-')}.pdf`;
}
